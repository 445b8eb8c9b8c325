"""What is kept of one scored task, and how it is written: one JSON object a line, `<name of the predictions' folder>.jsonl`.

The same schema validates what the scorer writes and what the leaderboard reads, so the two cannot drift apart.
Errors are against the teacher's own per-atom energies, never against quantum mechanics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError, model_validator

from benchmark.errors import ResultsError
from benchmark.model import Option
from dataset_builder.release.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SCHEMA_VERSION = 1
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ReleaseReference(Record):
    """Which dataset a result belongs to; results of different digests are never ranked together."""

    name: str
    version: str
    digest: str
    teacher: str


class Hardware(Record):
    """Where the model ran."""

    cpu: str
    cores: int
    memory_gib: NonNegative
    platform: str


class CoordinationError(Record):
    """Error of the test environments with one coordination number."""

    coordination: int
    n: int
    mae_mev: NonNegative


class TrajectoryErrors(Record):
    """Error sums per test trajectory, as columns: enough to resample trajectories later without the predictions."""

    trajectory_id: list[int]
    n: list[int]
    sum_abs_ev: list[NonNegative]
    sum_sq_ev2: list[NonNegative]

    @model_validator(mode="after")
    def _columns_have_one_length(self) -> TrajectoryErrors:
        if len({len(self.trajectory_id), len(self.n), len(self.sum_abs_ev), len(self.sum_sq_ev2)}) != 1:
            raise ValueError("by_trajectory: all columns must have one length")
        return self


class Result(Record):
    """The scored outcome of one model on one task."""

    schema_version: int = SCHEMA_VERSION
    model: str = Field(min_length=1, max_length=80)
    model_path: str
    description: str
    options: dict[str, Option]
    release: ReleaseReference
    track: str
    fold: int = Field(ge=0)
    n_train: int = Field(ge=1)
    seed: int = Field(ge=0)
    n_test: int = Field(ge=1)
    mae_mev: NonNegative
    rmse_mev: NonNegative
    by_coordination: list[CoordinationError]
    by_trajectory: TrajectoryErrors
    features_s: NonNegative = Field(description="descriptors, apart from fit and predict; near zero when the cache had them")
    fit_s: NonNegative
    predict_s: NonNegative
    peak_memory_mib: NonNegative = Field(description="of the process that fits and predicts, not of workers that compute descriptors")
    hardware: Hardware
    versions: dict[str, str]


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Write results to `path`, one JSON object a line, through a temporary name."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(result.model_dump_json() + "\n" for result in results), encoding="utf-8")
    temporary.replace(path)


def read_results(folders: Iterable[Path]) -> list[Result]:
    """Return every result in the `*.jsonl` files of some folders, in file and line order.

    Raises
    ------
    ResultsError
        If a folder is missing or holds no results, or a line does not follow the schema.
    """
    return [result for folder in folders for path in _result_files(folder) for result in read_file(path)]


def _result_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise ResultsError(
            str(folder),
            expected="a folder with *.jsonl results",
            got="none" if folder.is_dir() else "no such folder",
            remedy="write some with `synthatoms bench score`",
        )
    return files


def read_file(path: Path) -> list[Result]:
    """Return the results in one file; raises `ResultsError` as `read_results` does."""
    results = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            results.append(Result.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ResultsError(
                f"{path}, line {number}, {where or 'whole line'}",
                expected="the results schema",
                got=first["msg"],
                remedy="score the predictions again with `synthatoms bench score`",
            ) from error
    return results
