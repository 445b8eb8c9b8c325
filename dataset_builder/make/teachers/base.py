"""What every teacher does: give energy, per-atom energies and forces of a structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dataset_builder.release.manifest import PotentialReference
    from dataset_builder.structure import Labels, Structure


class Teacher(Protocol):
    """Labels structures."""

    reference: PotentialReference
    elements: frozenset[int]
    """Atomic numbers that it knows; of others it may say nothing, or zero."""

    def label(self, structure: Structure) -> Labels:
        """Return the labels of one structure [eV, eV/Å]."""
        ...
