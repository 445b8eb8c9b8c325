"""Parquet files, written so that half a file never has the final name."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_builder.release.schema import DICTIONARY_COLUMNS, STRUCTURES, arrow_schema, float_leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dataset_builder.structure import LabelledStructure


def structures_table(structures: Sequence[LabelledStructure]) -> pa.Table:
    """Return labelled structures as a table in the release's schema."""
    columns = {
        "structure_id": [s.structure_id for s in structures],
        "trajectory_id": [s.trajectory_id for s in structures],
        "frame": [s.frame for s in structures],
        "atomic_numbers": _lists([s.structure.atomic_numbers for s in structures]),
        "positions": _vectors([s.structure.positions for s in structures]),
        "cell": _vectors([s.structure.cell for s in structures]),
        "pbc": _lists([s.structure.pbc for s in structures]),
        "energy": [s.labels.energy for s in structures],
        "local_energies": _lists([s.labels.local_energies for s in structures]),
        "forces": _vectors([s.labels.forces.astype(np.float32) for s in structures]),
        "density": [s.density for s in structures],
        "anneal_temperature": [s.anneal_temperature for s in structures],
        "time": [s.time for s in structures],
        "stage": [s.stage for s in structures],
    }
    schema = arrow_schema(STRUCTURES)
    if not structures:
        return schema.empty_table()
    arrays = [
        column.cast(schema.field(name).type) if isinstance(column, pa.Array) else pa.array(column, schema.field(name).type)
        for name, column in columns.items()
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def write_parquet(path: Path, row_groups: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write tables as one Parquet file, each a row group, and return the number of rows.

    The file is written under a temporary name, flushed to disk, then moved. zstd level 3; BYTE_STREAM_SPLIT on
    floats, where dictionary encoding costs 25-70 % more space.
    """
    dictionary = [name for name in schema.names if name in DICTIONARY_COLUMNS]
    split = [leaf for leaf in float_leaves(schema) if leaf not in dictionary]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    rows = 0
    with temporary.open("wb") as sink:
        with pq.ParquetWriter(
            sink,
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=dictionary,
            column_encoding=dict.fromkeys(split, "BYTE_STREAM_SPLIT"),
            write_page_index=True,
            write_page_checksum=True,
        ) as writer:
            for table in row_groups:
                writer.write_table(table, row_group_size=max(table.num_rows, 1))
                rows += table.num_rows
        sink.flush()
        os.fsync(sink.fileno())
    temporary.replace(path)
    return rows


def column_digests(table: pa.Table) -> dict[str, str]:
    """Return the SHA-256 of each column's values and list lengths: the same for any layout of row groups."""
    return {name: _column_digest(table.column(name)) for name in table.column_names}


def _column_digest(column: pa.ChunkedArray) -> str:
    levels: list[bytes] = []
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    while pa.types.is_list(array.type):
        levels.append(_sha256(pc.list_value_length(array).to_numpy(zero_copy_only=False)))
        array = array.flatten()
    if pa.types.is_string(array.type):
        levels.append(_sha256(pc.binary_length(array).to_numpy(zero_copy_only=False)))
        levels.append(hashlib.sha256("".join(array.to_pylist()).encode()).digest())
    else:
        levels.append(_sha256(array.to_numpy(zero_copy_only=False)))
    return hashlib.sha256(b"".join([str(column.type).encode(), *levels])).hexdigest()


def _sha256(values: np.ndarray) -> bytes:
    little_endian = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return hashlib.sha256(little_endian.data).digest()


def _lists(arrays: Sequence[np.ndarray]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(a) for a in arrays], dtype=np.int32)]).astype(np.int32)
    values = np.concatenate(arrays) if arrays else np.empty(0)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def _vectors(arrays: Sequence[np.ndarray]) -> pa.Array:
    flat = np.concatenate(arrays) if arrays else np.empty((0, 3))
    threes = pa.ListArray.from_arrays(pa.array(np.arange(0, flat.size + 1, 3, dtype=np.int32)), pa.array(flat.ravel()))
    offsets = np.concatenate([[0], np.cumsum([len(a) for a in arrays], dtype=np.int32)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), threes)
