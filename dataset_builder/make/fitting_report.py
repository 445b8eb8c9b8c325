"""Measure a fitted potential against PBE and write what is shipped beside it: `fit.json`, model card, plots."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from dataset_builder.make.fitting_curves import Curve, Prediction, crystal_curve, dimer_curve, evaluator, predict, summarise_crystal
from dataset_builder.make.fitting_data import PbeCell, isolated_atom_energy, select_split
from dataset_builder.make.fitting_plots import draw_energy_volume, draw_parity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dataset_builder.make.fitting_recipe import FitRecipe

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


def write_report(fitted: Fitted, folder: Path, progress: Callable[[str, int, int], None]) -> None:
    """Measure the potential and write ``fit.json``, ``README.md``, ``parity.png``, ``energy_volume.png``.

    Parameters
    ----------
    fitted
        The potential.
    folder
        Where to write; the compressed potential is already there.
    progress
        Called with a stage's name, how much of it is done, and how much there is.
    """
    from dataset_builder.make.fitting_card import card_of

    evaluate = evaluator(fitted.xml)
    e0 = isolated_atom_energy(fitted.cells, str(fitted.data))
    predictions = []
    for cell in fitted.cells:
        predictions.append(predict(evaluate, cell, e0))
        progress("Errors against PBE", len(predictions), len(fitted.cells))
    progress("Crystals, dimer and card", 0, 1)
    curves = [curve for name, atoms in CRYSTALS if (curve := crystal_curve(evaluate, predictions, name, atoms, e0)) is not None]
    record = record_of(fitted, folder, predictions, curves, dimer_curve(evaluate, e0))
    (folder / "fit.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card_of(record), encoding="utf-8")
    draw_parity(predictions, folder / "parity.png")
    draw_energy_volume(curves, folder / "energy_volume.png")
    progress("Crystals, dimer and card", 1, 1)


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
            kelvins = sorted({p.cell.temperature for p in of_kind if p.cell.temperature is not None})
            rows.extend(
                {
                    "split": split,
                    "config_type": kind,
                    "temperature": kelvin,
                    **rms_errors(p for p in of_kind if p.cell.temperature == kelvin),
                }
                for kelvin in kelvins
            )
    return rows


def record_of(
    fitted: Fitted, folder: Path, predictions: list[Prediction], curves: list[Curve], dimer: list[dict[str, float]]
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
        "crystals": [summarise_crystal(curve) for curve in curves],
        "dimer": dimer,
        "selection": _selection(fitted),
    }


def _selection(fitted: Fitted) -> list[dict[str, str]]:
    if fitted.settings.selection is None:
        return []
    with (fitted.recipe.parent / fitted.settings.selection).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
