"""What a model sees: atoms with their neighbours, and when training their energies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ase

    from dataset_builder.structure import Structure


@dataclass(frozen=True, eq=False)
class Environments:
    """Selected atoms of some structures; a row is one environment.

    Attributes
    ----------
    structures
        Every structure that a selected atom belongs to.
    structure_index, atom_index
        Which atom of which of `structures` each row is, both of shape ``(n,)``.
    energies
        Energy of each selected atom by the teacher, shape ``(n,)`` [eV]; None when predicting.
    """

    structures: Sequence[Structure]
    structure_index: np.ndarray
    atom_index: np.ndarray
    energies: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.atom_index)

    @property
    def labels(self) -> np.ndarray:
        """The energies; for models, which may only ask for them when training."""
        if self.energies is None:
            raise ValueError("these environments are for prediction and have no energies")
        return self.energies

    def select(self, rows: np.ndarray) -> Environments:
        """Return some of the rows, in the order given; structures that are no longer needed are dropped."""
        used, index = np.unique(self.structure_index[rows], return_inverse=True)
        structures = [self.structures[i] for i in used]
        return Environments(structures, index, self.atom_index[rows], None if self.energies is None else self.energies[rows])

    def without_labels(self) -> Environments:
        """Return the same environments without their energies."""
        return replace(self, energies=None)

    def to_ase(self) -> list[ase.Atoms]:
        """Return the structures as `ase.Atoms`."""
        return [structure.to_ase() for structure in self.structures]

    def digest(self) -> str:
        """Return the SHA-256 of structures and selection (not of energies): the key under which descriptors are kept."""
        whole = hashlib.sha256()
        for structure in self.structures:
            whole.update(structure.digest().encode())
        whole.update(np.ascontiguousarray(self.structure_index, dtype="<i8").data)
        whole.update(np.ascontiguousarray(self.atom_index, dtype="<i8").data)
        return whole.hexdigest()
