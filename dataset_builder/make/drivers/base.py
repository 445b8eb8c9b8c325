"""What every driver does: carry a state through one segment of molecular dynamics.

A segment runs from one snapshot to the next and starts from the stored state with a seed of its own; its outcome
depends on nothing else, so a restarted trajectory is bit for bit an undisturbed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from ase.data import atomic_masses
from ase.units import kB

if TYPE_CHECKING:
    from dataset_builder.release.manifest import PotentialReference
    from dataset_builder.structure import Structure

AMU_A2_PER_PS2_TO_EV = 1.0364269656e-4  # CODATA 2022: 1.66053906892e-27 kg × (100 m/s)² / 1.602176634e-19 J


class DriverError(RuntimeError):
    """The dynamics broke down (lost atoms, not a number): the trajectory is set aside with this reason."""


@dataclass(frozen=True, eq=False)
class State:
    """A structure in motion: `velocities` have shape ``(n_atoms, 3)`` [Å/ps]."""

    structure: Structure
    velocities: np.ndarray

    def temperature(self) -> float:
        """Return the kinetic temperature [K], three degrees of freedom lost to the centre of mass."""
        masses = atomic_masses[self.structure.atomic_numbers]
        kinetic = 0.5 * AMU_A2_PER_PS2_TO_EV * float((masses[:, None] * self.velocities**2).sum())
        return 2 * kinetic / (kB * max(3 * len(masses) - 3, 1))


@dataclass(frozen=True)
class Segment:
    """Dynamics between two snapshots: a linear ramp from `start` to `end` [K] over `steps` of `timestep` [ps]."""

    start: float
    end: float
    steps: int
    timestep: float
    damping: float
    seed: int


class Driver(Protocol):
    """Moves atoms."""

    reference: PotentialReference

    def advance(self, state: State, segment: Segment) -> State:
        """Return the state at the end of a segment; raises `DriverError` if the dynamics break down."""
        ...


def at_temperature(structure: Structure, temperature: float, seed: int) -> State:
    """Return a state with Maxwell-Boltzmann velocities at `temperature` [K] and no net momentum."""
    masses = atomic_masses[structure.atomic_numbers][:, None]
    spread = np.sqrt(kB * temperature / (masses * AMU_A2_PER_PS2_TO_EV))
    velocities = np.random.Generator(np.random.PCG64(seed)).standard_normal((len(structure), 3)) * spread
    return State(structure, velocities - (masses * velocities).sum(axis=0) / masses.sum())
