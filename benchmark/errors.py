"""Errors a user of the benchmark can mend; one line each, exit code 2."""

from __future__ import annotations

from dataset_builder.errors import InputError


class ModelError(InputError):
    """A model that cannot be found, loaded or run."""


class TaskError(InputError):
    """A size, fold or track that the release does not offer."""


class PredictionsError(InputError):
    """A predictions file that is damaged, incomplete or belongs to something else."""


class ResultsError(InputError):
    """A results file that does not follow the schema."""
