"""Errors a user can mend. Every message says what is wrong, what was expected, what came, and how to mend it."""

from __future__ import annotations

from functools import partial
from typing import Any


class InputError(ValueError):
    """Bad input: a file, a key, an option. The command line prints it as one line and exits with 2.

    Parameters
    ----------
    what
        The thing that is wrong, with its place: a file, a key, a row.
    expected
        What would have been right.
    got
        What came instead.
    remedy
        What to do now.
    """

    def __init__(self, what: str, *, expected: str, got: object, remedy: str) -> None:
        self.what, self.expected, self.got, self.remedy = what, expected, got, remedy
        one_line = " ".join(f"{what}: expected {expected}, got {got}; {remedy}".split())
        super().__init__(one_line)

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way back from a worker process."""
        return partial(type(self), self.what, expected=self.expected, got=self.got, remedy=self.remedy), ()


class RecipeError(InputError):
    """A recipe that cannot be followed."""


class PotentialError(InputError):
    """A teacher or driver that is missing or cannot be loaded."""


class LabelError(InputError):
    """Labels that do not fit their structure."""


class ReleaseError(InputError):
    """A release folder that is incomplete, altered or not a release."""
