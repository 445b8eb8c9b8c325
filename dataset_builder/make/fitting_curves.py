"""What a potential says of labelled cells, of crystals at any volume and of two atoms close together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import ase

    from dataset_builder.make.fitting_data import PbeCell

SHORT_DISTANCES = (0.7, 0.8, 0.9, 1.0)  # where the dimer curve must be repulsive [Å]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the potential says of a labelled cell; energies are per atom, above the isolated atom [eV/atom, eV/Å]."""

    cell: PbeCell
    reference_energy: float
    energy: float
    forces: np.ndarray


@dataclass(frozen=True, eq=False)
class Curve:
    """Energy against volume of one crystal, all above the isolated atom [Å³/atom, eV/atom]."""

    title: str
    volumes: np.ndarray
    energies: np.ndarray
    pbe_volumes: np.ndarray
    pbe_energies: np.ndarray
    pbe_splits: list[str]
    predicted: np.ndarray


def evaluator(xml: str) -> Callable[[ase.Atoms], tuple[float, np.ndarray]]:
    """Return a function that gives the energy [eV] and forces [eV/Å] of atoms with this potential."""
    from quippy.potential import Potential

    potential = Potential(args_str="", param_str=xml)

    def evaluate(atoms: ase.Atoms) -> tuple[float, np.ndarray]:
        potential.calculate(atoms, properties=["energy", "forces"])
        return float(potential.results["energy"]), np.array(potential.results["forces"])

    return evaluate


def predict(evaluate: Callable[[ase.Atoms], tuple[float, np.ndarray]], cell: PbeCell, e0: float) -> Prediction:
    """Return the potential's energy and forces of one labelled cell."""
    energy, forces = evaluate(cell.to_ase())
    return Prediction(cell, cell.energy / len(cell) - e0, energy / len(cell) - e0, forces)


def crystal_curve(
    evaluate: Callable[[ase.Atoms], tuple[float, np.ndarray]], predictions: list[Prediction], name: str, atoms: int, e0: float
) -> Curve | None:
    """Return energy against volume of a crystal's undisplaced cells, or None if there are fewer than three.

    Graphite is followed along its layer distance, at the in-plane lattice constant of the lowest PBE energy.
    """
    ideal = [p for p in predictions if p.cell.config_type == name and len(p.cell) == atoms and abs(p.cell.forces).max() < 0.01]
    if len(ideal) < 3:
        return None
    best = min(ideal, key=lambda p: p.reference_energy)
    plane = np.linalg.norm(best.cell.structure.cell[0])
    series = [p for p in ideal if name == "diamond" or np.isclose(np.linalg.norm(p.cell.structure.cell[0]), plane)]
    series.sort(key=_volume)
    volumes = np.linspace(_volume(series[0]), _volume(series[-1]), 61)
    scaled = [_scaled(best.cell, volume / _volume(best), along_c=name != "diamond") for volume in volumes]
    energies = np.array([evaluate(cell)[0] / atoms - e0 for cell in scaled])
    title = name if name == "diamond" else f"{name}, a = {plane:.2f} Å, layers moved apart"
    pbe_energies, predicted = np.array([p.reference_energy for p in series]), np.array([p.energy for p in series])
    return Curve(title, volumes, energies, np.array([_volume(p) for p in series]), pbe_energies, [p.cell.split for p in series], predicted)


def dimer_curve(evaluate: Callable[[ase.Atoms], tuple[float, np.ndarray]], e0: float) -> list[dict[str, float]]:
    """Return energy above two atoms [eV] and repulsion [eV/Å] of two atoms at short distances [Å]."""
    from ase import Atoms

    rows: list[dict[str, float]] = []
    for distance in SHORT_DISTANCES:
        energy, forces = evaluate(Atoms("C2", positions=[[0, 0, 0], [distance, 0, 0]], cell=[20, 20, 20], pbc=True))
        rows.append({"distance": distance, "energy": round(energy - 2 * e0, 3), "repulsion": round(float(forces[1, 0]), 3)})
    return rows


def summarise_crystal(curve: Curve) -> dict[str, Any]:
    """Return how well the potential follows PBE along a crystal's curve: RMSE [meV/atom], lowest energies [eV/atom]."""
    difference = curve.predicted - curve.pbe_energies
    return {
        "crystal": curve.title,
        "cells": len(difference),
        "energy_rmse_mev_per_atom": round(float(np.sqrt(np.mean(difference**2))) * 1000, 3),
        "lowest_pbe": round(float(curve.pbe_energies.min()), 5),
        "lowest_predicted": round(float(curve.predicted.min()), 5),
    }


def _volume(prediction: Prediction) -> float:
    return float(abs(np.linalg.det(prediction.cell.structure.cell)) / len(prediction.cell))


def _scaled(cell: PbeCell, factor: float, *, along_c: bool) -> ase.Atoms:
    atoms = cell.to_ase()
    stretch = np.array([1.0, 1.0, factor]) if along_c else np.full(3, factor ** (1 / 3))
    atoms.set_cell(atoms.cell.array * stretch[None, :], scale_atoms=True)
    return atoms
