"""The record that everything is made of: one periodic cell of atoms, with or without labels.

Units: eV, Å. Neighbours come from `vesin`, which handles any cell, also cells smaller than the cut-off.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataset_builder.errors import LabelError

if TYPE_CHECKING:
    import ase

AMU_PER_A3_TO_G_PER_CM3 = 1.66053906892  # CODATA 2022: atomic mass constant 1.66053906892e-27 kg


@dataclass(frozen=True, eq=False)
class Structure:
    """One periodic cell of atoms at one instant.

    Attributes
    ----------
    atomic_numbers
        Shape ``(n_atoms,)``, uint8.
    positions
        Cartesian, shape ``(n_atoms, 3)`` [Å].
    cell
        Rows are the cell vectors, shape ``(3, 3)`` [Å].
    pbc
        Whether each cell vector is periodic, shape ``(3,)``.

    Raises
    ------
    LabelError
        If shapes disagree.
    """

    atomic_numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray

    def __post_init__(self) -> None:
        for name, dtype in (("atomic_numbers", np.uint8), ("positions", np.float64), ("cell", np.float64), ("pbc", np.bool_)):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=dtype))
        n = len(self.atomic_numbers)
        _check_shape("atomic_numbers", self.atomic_numbers, (n,))
        _check_shape("positions", self.positions, (n, 3))
        _check_shape("cell", self.cell, (3, 3))
        _check_shape("pbc", self.pbc, (3,))

    def __len__(self) -> int:
        return len(self.atomic_numbers)

    def to_ase(self) -> ase.Atoms:
        """Return a new `ase.Atoms` with the same atoms, cell and periodicity."""
        from ase import Atoms

        return Atoms(numbers=self.atomic_numbers, positions=self.positions, cell=self.cell, pbc=self.pbc)

    def digest(self) -> str:
        """Return the SHA-256 of numbers, positions, cell and periodicity: equal bytes, equal digest."""
        whole = hashlib.sha256()
        for array in (self.atomic_numbers, self.positions, self.cell, self.pbc):
            whole.update(array.tobytes())
        return whole.hexdigest()

    def neighbour_pairs(self, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
        """Return every ordered pair of atoms closer than `cutoff`, periodic images included.

        Parameters
        ----------
        cutoff
            Largest distance [Å].

        Returns
        -------
        Index of the first atom and the distance [Å] of each pair, both of shape ``(n_pairs,)``.
        """
        from vesin import NeighborList

        neighbours = NeighborList(cutoff=cutoff, full_list=True)
        first, distance = neighbours.compute(points=self.positions, box=self.cell, periodic=self.pbc, quantities="id")
        return first.astype(np.int64), distance

    def coordination_numbers(self, cutoff: float) -> np.ndarray:
        """Return how many neighbours each atom has within `cutoff` [Å]. Shape ``(n_atoms,)``, int64."""
        first, _ = self.neighbour_pairs(cutoff)
        return np.bincount(first, minlength=len(self))

    def shortest_distance(self, cutoff: float) -> float:
        """Return the shortest interatomic distance [Å] if it is under `cutoff` [Å], else infinity."""
        _, distance = self.neighbour_pairs(cutoff)
        return float(distance.min()) if len(distance) else float("inf")


@dataclass(frozen=True, eq=False)
class Labels:
    """What a teacher says of one structure.

    Attributes
    ----------
    energy
        Total energy [eV].
    local_energies
        The teacher's own division of that energy among the atoms, shape ``(n_atoms,)`` [eV].
    forces
        Shape ``(n_atoms, 3)`` [eV/Å].
    """

    energy: float
    local_energies: np.ndarray
    forces: np.ndarray


@dataclass(frozen=True, eq=False)
class LabelledStructure:
    """A structure with its labels and its place in a trajectory.

    Attributes
    ----------
    structure_id, trajectory_id, frame
        Identity: `frame` counts the snapshots of one trajectory from 0.
    density, anneal_temperature, time, stage
        How it was made [g/cm³, K, ps since the start of the trajectory, name of the MD stage].
    """

    structure: Structure
    labels: Labels
    structure_id: int
    trajectory_id: int
    frame: int
    density: float
    anneal_temperature: float
    time: float
    stage: str

    def __post_init__(self) -> None:
        n = len(self.structure)
        _check_shape("local_energies", self.labels.local_energies, (n,))
        _check_shape("forces", self.labels.forces, (n, 3))


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise LabelError(name, expected=f"shape {shape}", got=array.shape, remedy="give one row per atom")


def partition_residual(local_energies: np.ndarray, total_energy: float) -> float:
    """Return how far per-atom energies are from summing to the total.

    Parameters
    ----------
    local_energies
        Energy of each atom, shape ``(n_atoms,)`` [eV].
    total_energy
        Energy of the same structure from the same teacher [eV].

    Returns
    -------
    ``|sum(local_energies) - total_energy| / n_atoms`` [eV/atom].

    Raises
    ------
    LabelError
        If there are no atoms, the array is not 1-D, or a value is not finite.

    Examples
    --------
    >>> partition_residual(np.array([-1.0, -2.0]), total_energy=-3.5)
    0.25
    """
    if local_energies.ndim != 1 or len(local_energies) == 0:
        raise LabelError(
            "local_energies",
            expected="a 1-D array with an energy per atom",
            got=f"shape {local_energies.shape}",
            remedy="give one energy per atom",
        )
    if not (np.isfinite(local_energies).all() and np.isfinite(total_energy)):
        raise LabelError(
            "local_energies", expected="finite energies", got="NaN or infinity", remedy="look at the structure: atoms may overlap"
        )
    return abs(float(local_energies.sum()) - total_energy) / len(local_energies)
