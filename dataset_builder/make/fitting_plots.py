"""The plots of a fitted potential's model card: parity with PBE, and energy against volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from dataset_builder.make.fitting_curves import Curve, Prediction

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"  # Okabe and Ito, distinct to colour-blind eyes


def draw_parity(predictions: list[Prediction], path: Path) -> None:
    """Draw predicted against PBE energies and forces of the amorphous cells, training and test.

    Parameters
    ----------
    predictions
        Of all cells; only the amorphous ones are drawn.
    path
        PNG file to write.
    """
    figure, (left, right) = _new_figure()
    for split, colour, size in (("train", GREY, 4), ("test", ORANGE, 9)):
        chosen = [p for p in predictions if p.cell.split == split and p.cell.config_type == "amorphous"]
        if chosen:
            _scatter(left, *_energies(chosen), colour, size, split)
            _scatter(right, *_forces(chosen), colour, size / 3, split)
    _finish_parity(left, "energy above the isolated atom [eV/atom]")
    _finish_parity(right, "force component [eV/Å]")
    _save(figure, path)


def draw_energy_volume(curves: list[Curve], path: Path) -> None:
    """Draw the energy of each crystal against its volume: the potential as a line, PBE as points.

    Parameters
    ----------
    curves
        One for each crystal.
    path
        PNG file to write.
    """
    figure, axes = _new_figure()
    for axis, curve in zip(axes, curves, strict=False):
        axis.plot(curve.volumes, curve.energies, color=BLUE, label="fitted potential")
        for split, marker, fill in (("train", "o", GREY), ("test", "s", ORANGE)):
            at = np.array([s == split for s in curve.pbe_splits], dtype=bool)
            if not at.any():
                continue
            axis.plot(
                curve.pbe_volumes[at], curve.pbe_energies[at], marker, color=fill, markeredgecolor="black", label=f"PBE, {split} cells"
            )
        axis.set(xlabel="volume [Å³/atom]", ylabel="energy above the isolated atom [eV/atom]", title=curve.title)
        axis.legend(frameon=False)
    _save(figure, path)


def _new_figure() -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, 2)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130, metadata={"Software": None})


def _energies(chosen: list[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p.reference_energy for p in chosen]), np.array([p.energy for p in chosen])


def _forces(chosen: list[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([p.cell.forces.ravel() for p in chosen]), np.concatenate([p.forces.ravel() for p in chosen])


def _scatter(axis: Any, reference: np.ndarray, predicted: np.ndarray, colour: str, size: float, label: str) -> None:
    axis.scatter(reference, predicted, s=size, color=colour, linewidths=0, alpha=0.7, label=label, rasterized=True)


def _finish_parity(axis: Any, quantity: str) -> None:
    low, high = min(axis.get_xlim()[0], axis.get_ylim()[0]), max(axis.get_xlim()[1], axis.get_ylim()[1])
    axis.plot([low, high], [low, high], color="black", linewidth=0.8, zorder=0)
    axis.set(
        xlabel=f"PBE {quantity}", ylabel=f"predicted {quantity}", xlim=(low, high), ylim=(low, high), title="amorphous and liquid cells"
    )
    if axis.get_legend_handles_labels()[1]:
        axis.legend(frameon=False, markerscale=2.5)
