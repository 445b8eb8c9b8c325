"""Errors that the maker of a leaderboard can mend; one line each, exit code 2."""

from __future__ import annotations

from dataset_builder.errors import InputError


class SiteError(InputError):
    """A folder that cannot be written as, or served as, a site."""


class RankingError(InputError):
    """Results that contradict each other and so cannot be ranked."""
