"""What a labelled frame must pass: each check answers None, or the reason why the frame is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataset_builder.structure import partition_residual

if TYPE_CHECKING:
    from dataset_builder.make.recipe import Checks
    from dataset_builder.structure import Labels, Structure

Reason = tuple[str, str]  # name of the check, what it found


def check_structure(structure: Structure, temperature: float, scheduled: float, checks: Checks) -> Reason | None:
    """Return why a frame must not be labelled, or None.

    Parameters
    ----------
    temperature, scheduled
        Kinetic temperature of the frame and the schedule's [K].
    """
    if not np.isfinite(structure.positions).all():
        return "non_finite", "positions are not finite"
    shortest = structure.shortest_distance(checks.min_distance)
    if shortest < checks.min_distance:
        return "too_close", f"two atoms {shortest:.3f} Å apart, allowed {checks.min_distance} Å"
    allowed = checks.temperature_tolerance * scheduled + checks.temperature_margin
    if not abs(temperature - scheduled) <= allowed:
        return "off_schedule", f"{temperature:.0f} K where the schedule says {scheduled:.0f} ± {allowed:.0f} K"
    return None


def check_labels(labels: Labels, checks: Checks) -> Reason | None:
    """Return why a frame's labels cannot be used, or None."""
    if not (np.isfinite(labels.energy) and np.isfinite(labels.local_energies).all() and np.isfinite(labels.forces).all()):
        return "non_finite", "labels are not finite"
    residual = partition_residual(labels.local_energies, labels.energy)
    if residual > checks.max_partition_residual:
        return "partition", f"local energies miss the total by {residual:.3g} eV/atom, allowed {checks.max_partition_residual:.3g}"
    return None
