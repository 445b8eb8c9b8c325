"""The typed file between running a model and scoring it: one Parquet file a task, whole or absent.

Who predicted what, on which release, and at what cost, stands as JSON in the file's own metadata.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from benchmark.errors import PredictionsError
from benchmark.model import Option
from benchmark.results import Hardware, NonNegative, ReleaseReference
from dataset_builder.release.records import Record

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from benchmark.model import Prediction
    from benchmark.tasks import HeldOut

METADATA = b"synthatoms"
COLUMNS = {"structure_id": pa.int32(), "atom_index": pa.int16(), "energy": pa.float64()}


class RunIdentity(Record):
    """Which model with which options predicts what: files of different identities never share a folder."""

    model: str
    model_path: str
    description: str
    options: dict[str, Option]
    code_sha256: str
    release: ReleaseReference
    track: str


class TaskRun(Record):
    """One task as it was run."""

    identity: RunIdentity
    fold: int = Field(ge=0)
    n_train: int = Field(ge=1)
    seed: int = Field(ge=0)
    features_s: NonNegative
    fit_s: NonNegative
    predict_s: NonNegative
    peak_memory_mib: NonNegative
    hardware: Hardware
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class Predictions:
    """A predictions file, read: ids and energies [eV], each of shape ``(n,)``; `std` may be None."""

    run: TaskRun
    structure_id: np.ndarray
    atom_index: np.ndarray
    energy: np.ndarray
    std: np.ndarray | None


def write_predictions(path: Path, run: TaskRun, test: HeldOut, prediction: Prediction) -> None:
    """Write one task's predictions through a temporary name."""
    columns = {"structure_id": test.structure_id, "atom_index": test.environments.atom_index, "energy": prediction.energies}
    schema = pa.schema(COLUMNS)
    if prediction.std is not None:
        columns["std"] = prediction.std
        schema = schema.append(pa.field("std", pa.float64()))
    table = pa.table(columns).cast(schema).replace_schema_metadata({METADATA: run.model_dump_json()})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    pq.write_table(
        table,
        temporary,
        compression="zstd",
        use_dictionary=["structure_id", "atom_index"],
        column_encoding={"energy": "BYTE_STREAM_SPLIT"},
        write_page_checksum=True,
    )
    temporary.replace(path)


def read_predictions(path: Path) -> Predictions:
    """Return a predictions file.

    Raises
    ------
    PredictionsError
        If it is not Parquet, is truncated or damaged, lacks a column, or does not say what it predicts.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error
    _check_columns(path, table)
    std = table.column("std").to_numpy() if "std" in table.column_names else None
    structure_id, atom_index, energy = (table.column(name).to_numpy() for name in COLUMNS)
    return Predictions(_parse_run(path, table.schema), structure_id, atom_index, energy, std)


def read_run(path: Path) -> TaskRun:
    """Return what a predictions file says of its run, without its rows; raises `PredictionsError` as `read_predictions` does."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error
    return _parse_run(path, schema)


def _damaged(path: Path, error: Exception) -> PredictionsError:
    remedy = "delete it and run `synthatoms bench run` again"
    return PredictionsError(str(path), expected="a whole Parquet file", got=(str(error).splitlines() or ["nothing"])[0], remedy=remedy)


def _check_columns(path: Path, table: pa.Table) -> None:
    expected = {**COLUMNS, "std": pa.float64()}
    for name in COLUMNS:
        if name not in table.column_names:
            raise PredictionsError(
                str(path),
                expected=f"columns {', '.join(expected)} (std optional)",
                got=f"no {name}",
                remedy="write the file with `synthatoms bench run`",
            )
    for field in table.schema:
        if field.name not in expected or field.type != expected[field.name] or table.column(field.name).null_count:
            raise PredictionsError(
                f"{path}, column {field.name}",
                expected=f"{expected.get(field.name, 'no such column')} without nulls",
                got=f"{field.type}",
                remedy="write the file with `synthatoms bench run`",
            )


def _parse_run(path: Path, schema: pa.Schema) -> TaskRun:
    try:
        return TaskRun.model_validate_json((schema.metadata or {}).get(METADATA, b""))
    except ValidationError as error:
        raise PredictionsError(
            str(path),
            expected="a record of the run in the file's metadata",
            got="none, or a damaged one",
            remedy="write the file with `synthatoms bench run`",
        ) from error
