"""The columns of a release: name, type, unit and meaning in one place, from which files and card are made."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, its unit (empty if none) and what it holds."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str

    @property
    def is_vectors(self) -> bool:
        """Whether each value is a list of 3-vectors, which the card declares as Array2D((None, 3))."""
        return pa.types.is_list(self.type) and pa.types.is_list(self.type.value_type)


def _list(inner: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", inner))


STRUCTURES = (
    Column("structure_id", pa.int32(), "", "trajectory_id times frames per trajectory plus frame; a rejected frame leaves a gap"),
    Column("trajectory_id", pa.int32(), "", "one molecular-dynamics run, never divided between training and test"),
    Column("frame", pa.int16(), "", "snapshot of the trajectory, from 0"),
    Column("atomic_numbers", _list(pa.uint8()), "", "per atom"),
    Column("positions", _list(_list(pa.float64())), "Å", "Cartesian, per atom"),
    Column("cell", _list(_list(pa.float64())), "Å", "rows are the cell vectors"),
    Column("pbc", _list(pa.bool_()), "", "periodic along each cell vector"),
    Column("energy", pa.float64(), "eV", "total energy by the teacher"),
    Column("local_energies", _list(pa.float64()), "eV", "the teacher's own division of the energy, per atom"),
    Column("forces", _list(_list(pa.float32())), "eV/Å", "by the teacher, per atom"),
    Column("density", pa.float32(), "g/cm³", "mass density of the cell"),
    Column("anneal_temperature", pa.float32(), "K", "temperature of the trajectory's anneal stage"),
    Column("time", pa.float32(), "ps", "since the start of the trajectory"),
    Column("stage", pa.string(), "", "melt, quench, heat, anneal or cool"),
)
FOLDS = (
    Column("trajectory_id", pa.int32(), "", "trajectory"),
    Column("fold", pa.int8(), "", "the fold in which this trajectory is tested"),
)
TRAIN_ORDER = (
    Column("rank", pa.int32(), "", "place in the order; the first N rows are the size-N training set"),
    Column("structure_id", pa.int32(), "", "structure"),
    Column("atom_index", pa.int16(), "", "atom of that structure, from 0"),
)

DICTIONARY_COLUMNS = ["structure_id", "trajectory_id", "frame", "density", "anneal_temperature", "time", "stage"]


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of some columns, with unit and meaning in the field metadata."""
    fields = [pa.field(c.name, c.type, nullable=False, metadata={"unit": c.unit, "description": c.meaning}) for c in columns]
    return pa.schema(fields)


def float_leaves(schema: pa.Schema) -> list[str]:
    """Return the Parquet paths of all floating-point leaves, such as ``positions.list.element.list.element``."""
    leaves = []
    for field in schema:
        path, kind = field.name, field.type
        while pa.types.is_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        if pa.types.is_floating(kind):
            leaves.append(path)
    return leaves
