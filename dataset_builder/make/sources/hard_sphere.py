"""Random hard-sphere cells: atoms placed one after another, none closer than twice the radius to another."""

from __future__ import annotations

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from dataset_builder.errors import RecipeError
from dataset_builder.structure import AMU_PER_A3_TO_G_PER_CM3, Structure

ATTEMPTS = 100_000


def hard_sphere_cell(element: str, n_atoms: int, density: float, radius: float, seed: int) -> Structure:
    """Return a cubic periodic cell of random non-overlapping spheres.

    Parameters
    ----------
    element
        Chemical symbol.
    density
        Mass density [g/cm³].
    radius
        Sphere radius [Å].

    Raises
    ------
    RecipeError
        If the spheres do not fit at this density.
    """
    number = atomic_numbers[element]
    length = (n_atoms * atomic_masses[number] * AMU_PER_A3_TO_G_PER_CM3 / density) ** (1 / 3)
    positions = _place(n_atoms, length, 2 * radius, np.random.Generator(np.random.PCG64(seed)))
    if positions is None:
        raise RecipeError(
            f"hard spheres of radius {radius} Å at {density} g/cm³",
            expected="a density at which they fit",
            got=f"no room after {ATTEMPTS:,} attempts",
            remedy="lower the density or the radius",
        )
    return Structure(np.full(n_atoms, number), positions, np.eye(3) * length, np.ones(3, dtype=bool))


def _place(n_atoms: int, length: float, diameter: float, random: np.random.Generator) -> np.ndarray | None:
    positions = np.empty((n_atoms, 3))
    placed = 0
    for _ in range(ATTEMPTS):
        trial = random.random(3) * length
        apart = positions[:placed] - trial
        apart -= length * np.round(apart / length)
        if (apart**2).sum(axis=1).min(initial=np.inf) >= diameter**2:
            positions[placed] = trial
            placed += 1
            if placed == n_atoms:
                return positions
    return None
