"""The PBE-labelled cells that the shipped teacher is fitted to, and the division that no fit may cross."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dataset_builder.errors import RecipeError
from dataset_builder.structure import Structure

if TYPE_CHECKING:
    from pathlib import Path

    import ase

COLUMNS = (
    "structure_id",
    "config_type",
    "trajectory",
    "split",
    "density",
    "temperature",
    "seed",
    "kpts",
    "energy",
    "forces",
    "atomic_numbers",
    "positions",
    "cell",
)
SPLITS = ("train", "test")
ISOLATED_ATOM = "isolated_atom"


@dataclass(frozen=True, eq=False)
class PbeCell:
    """One cell with its PBE labels and its place in the frozen division.

    Attributes
    ----------
    structure
        The cell, periodic in all three directions.
    energy
        PBE total energy [eV].
    forces
        PBE forces, shape ``(n_atoms, 3)`` [eV/Å].
    config_type
        Kind of cell: ``amorphous``, ``diamond``, ``dimer``, …
    trajectory
        Cells that belong together: one MD run (density and seed), or one volume of a crystal.
    split
        ``train`` or ``test``.
    temperature
        Temperature of the MD at the moment the cell was taken [K]; None if it comes from no MD run.
    """

    structure: Structure
    energy: float
    forces: np.ndarray
    config_type: str
    trajectory: str
    split: str
    temperature: float | None

    def __len__(self) -> int:
        return len(self.structure)

    def to_ase(self) -> ase.Atoms:
        """Return the cell as `ase.Atoms` without labels."""
        return self.structure.to_ase()


def read_pbe(path: Path) -> list[PbeCell]:
    """Read the Parquet file of labelled cells.

    Parameters
    ----------
    path
        A Parquet file with the columns of `COLUMNS`.

    Returns
    -------
    The cells, in the order of the file.

    Raises
    ------
    RecipeError
        If the file cannot be read, lacks a column, or its division cuts a trajectory.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowInvalid) as problem:
        raise RecipeError(
            f"data file {path}", expected="a readable Parquet file", got=problem, remedy="check `data` in the recipe"
        ) from problem
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise RecipeError(
            f"data file {path}",
            expected=f"the columns {', '.join(COLUMNS)}",
            got=f"no {', '.join(missing)}",
            remedy="write the missing columns",
        )
    cells = [_cell_of(row) for row in table.to_pylist()]
    check_division(cells, str(path))
    return cells


def check_division(cells: list[PbeCell], where: str) -> None:
    """Refuse a division with cells of one trajectory on both sides.

    Raises
    ------
    RecipeError
        If a trajectory is in both splits, a split has another name, or there is nothing to train on.
    """
    splits: dict[str, set[str]] = {}
    for cell in cells:
        splits.setdefault(cell.trajectory, set()).add(cell.split)
    cut = sorted(name for name, found in splits.items() if len(found) > 1)
    if cut:
        raise RecipeError(
            f"{where}, split",
            expected="each trajectory wholly in train or in test",
            got=f"both for {', '.join(cut[:3])}",
            remedy="move its cells to one side",
        )
    unknown = {split for found in splits.values() for split in found} - set(SPLITS)
    if unknown:
        raise RecipeError(f"{where}, split", expected=" or ".join(SPLITS), got=", ".join(sorted(unknown)), remedy="rename it")


def select_split(cells: list[PbeCell], split: str) -> list[PbeCell]:
    """Return the cells of one side of the division, in order."""
    return [cell for cell in cells if cell.split == split]


def isolated_atom_energy(cells: list[PbeCell], where: str) -> float:
    """Return the energy of the one isolated atom among the training cells [eV].

    Raises
    ------
    RecipeError
        If there is none, or more than one.
    """
    found = [cell.energy for cell in cells if cell.config_type == ISOLATED_ATOM and cell.split == "train"]
    if len(found) != 1:
        raise RecipeError(f"{where}, {ISOLATED_ATOM}", expected="one isolated atom in the training part", got=len(found), remedy="keep one")
    return found[0]


def _cell_of(row: dict[str, Any]) -> PbeCell:
    structure = Structure(
        atomic_numbers=np.array(row["atomic_numbers"]),
        positions=np.array(row["positions"]),
        cell=np.array(row["cell"]),
        pbc=np.ones(3, dtype=bool),
    )
    return PbeCell(
        structure, row["energy"], np.array(row["forces"]), row["config_type"], row["trajectory"], row["split"], row["temperature"]
    )
