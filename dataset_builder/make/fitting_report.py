"""Measure a fitted potential against PBE and write what is shipped beside it: `fit.json`, model card, plots."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from dataset_builder.make.fitting_data import PbeCell, isolated_atom_energy, select_split
from dataset_builder.make.fitting_plots import draw_energy_volume, draw_parity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import ase

    from dataset_builder.make.fitting import FitRecipe

SHORT_DISTANCES = (0.7, 0.8, 0.9, 1.0)  # where the dimer curve must be repulsive [Å]
PACKAGES = ("quippy-ase", "ase", "numpy", "pyarrow")
CRYSTALS = (("diamond", 8), ("graphite", 4))  # with the atoms of an undisplaced cell


@dataclass(frozen=True)
class Fitted:
    """A fitted potential with what it was made from.

    Attributes
    ----------
    settings, recipe, data
        The recipe, its file, its data file.
    cells
        All labelled cells, training and test.
    xml
        The potential.
    fit_s
        How long gap_fit took [s].
    """

    settings: FitRecipe
    recipe: Path
    data: Path
    cells: list[PbeCell]
    xml: str
    fit_s: float


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


def write_report(fitted: Fitted, folder: Path, progress: Callable[[str, int], None]) -> None:
    """Measure the potential and write ``fit.json``, ``README.md``, ``parity.png``, ``energy_volume.png``.

    Parameters
    ----------
    fitted
        The potential.
    folder
        Where to write; the compressed potential is already there.
    progress
        Called with a message and the number of steps done.
    """
    from dataset_builder.make.fitting_card import card_of

    progress("measuring errors against PBE", 1)
    evaluate = evaluator(fitted.xml)
    e0 = isolated_atom_energy(fitted.cells, str(fitted.data))
    predictions = [predict(evaluate, cell, e0) for cell in fitted.cells]
    progress("drawing crystals and dimer", 2)
    curves = [curve for name, atoms in CRYSTALS if (curve := crystal_curve(evaluate, predictions, name, atoms, e0)) is not None]
    progress("writing the model card", 3)
    record = record_of(fitted, folder, predictions, curves, dimer_curve(evaluate, e0))
    (folder / "fit.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card_of(record), encoding="utf-8")
    draw_parity(predictions, folder / "parity.png")
    draw_energy_volume(curves, folder / "energy_volume.png")


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


def rms_errors(predictions: Iterable[Prediction]) -> dict[str, float | int]:
    """Return the root-mean-square errors against PBE of these cells: energy [meV/atom], force components [eV/Å]."""
    chosen = list(predictions)
    energy = np.array([p.energy - p.reference_energy for p in chosen])
    force = np.concatenate([(p.forces - p.cell.forces).ravel() for p in chosen])
    return {
        "cells": len(chosen),
        "atoms": sum(len(p.cell) for p in chosen),
        "energy_rmse_mev_per_atom": round(float(np.sqrt(np.mean(energy**2))) * 1000, 3),
        "force_rmse_ev_per_angstrom": round(float(np.sqrt(np.mean(force**2))), 4),
    }


def errors_by_kind(predictions: list[Prediction]) -> list[dict[str, Any]]:
    """Return errors for each split, kind of cell and (amorphous) temperature [K]."""
    rows = []
    for split in ("test", "train"):
        chosen = [p for p in predictions if p.cell.split == split]
        for kind in sorted({p.cell.config_type for p in chosen}):
            of_kind = [p for p in chosen if p.cell.config_type == kind]
            rows.append({"split": split, "config_type": kind, "temperature": None, **rms_errors(of_kind)})
            for kelvin in sorted({p.cell.temperature for p in of_kind if p.cell.temperature is not None}):
                rows.append(
                    {
                        "split": split,
                        "config_type": kind,
                        "temperature": kelvin,
                        **rms_errors(p for p in of_kind if p.cell.temperature == kelvin),
                    }
                )
    return rows


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


def dimer_curve(evaluate: Callable[[ase.Atoms], tuple[float, np.ndarray]], e0: float) -> list[dict[str, float | bool]]:
    """Return energy above two atoms [eV] and repulsion [eV/Å] of two atoms at short distances [Å]."""
    from ase import Atoms

    rows: list[dict[str, float | bool]] = []
    for distance in SHORT_DISTANCES:
        energy, forces = evaluate(Atoms("C2", positions=[[0, 0, 0], [distance, 0, 0]], cell=[20, 20, 20], pbc=True))
        rows.append({"distance": distance, "energy": round(energy - 2 * e0, 3), "repulsion": round(float(forces[1, 0]), 3)})
    return rows


def record_of(
    fitted: Fitted, folder: Path, predictions: list[Prediction], curves: list[Curve], dimer: list[dict[str, float | bool]]
) -> dict[str, Any]:
    """Return everything that the model card states, as JSON-ready values."""
    packed = folder / f"{fitted.settings.name}.xml.xz"
    train = select_split(fitted.cells, "train")
    return {
        "name": fitted.settings.name,
        "settings": fitted.settings.model_dump(),
        "versions": {name: version(name) for name in PACKAGES},
        "fit_s": round(fitted.fit_s, 1),
        "data": {
            "file": fitted.data.name,
            "sha256": _sha256(fitted.data.read_bytes()),
            "cells": len(fitted.cells),
            "train_cells": len(train),
        },
        "left_out": [cell.trajectory for cell in train if abs(cell.forces).max() > fitted.settings.max_force],
        "trajectories": {
            split: len({c.trajectory for c in fitted.cells if c.split == split and c.config_type == "amorphous"})
            for split in ("train", "test")
        },
        "isolated_atom_energy": isolated_atom_energy(fitted.cells, str(fitted.data)),
        "potential": {
            "file": packed.name,
            "bytes": packed.stat().st_size,
            "sha256": _sha256(packed.read_bytes()),
            "xml_bytes": len(fitted.xml.encode()),
            "xml_sha256": _sha256(fitted.xml.encode()),
        },
        "errors": errors_by_kind(predictions),
        "crystals": [_crystal_summary(curve) for curve in curves],
        "dimer": dimer,
        "selection": _selection(fitted),
    }


def _crystal_summary(curve: Curve) -> dict[str, Any]:
    difference = curve.predicted - curve.pbe_energies
    return {
        "crystal": curve.title,
        "cells": len(difference),
        "energy_rmse_mev_per_atom": round(float(np.sqrt(np.mean(difference**2))) * 1000, 3),
        "lowest_pbe": round(float(curve.pbe_energies.min()), 5),
        "lowest_predicted": round(float(curve.predicted.min()), 5),
    }


def _selection(fitted: Fitted) -> list[dict[str, str]]:
    if fitted.settings.selection is None:
        return []
    with (fitted.recipe.parent / fitted.settings.selection).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _volume(prediction: Prediction) -> float:
    return float(abs(np.linalg.det(prediction.cell.structure.cell)) / len(prediction.cell))


def _scaled(cell: PbeCell, factor: float, *, along_c: bool) -> ase.Atoms:
    atoms = cell.to_ase()
    stretch = np.array([1.0, 1.0, factor]) if along_c else np.full(3, factor ** (1 / 3))
    atoms.set_cell(atoms.cell.array * stretch[None, :], scale_atoms=True)
    return atoms


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
