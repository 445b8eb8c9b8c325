"""A task is release × track × fold × n_train × seed; here is which ones there are and what is in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from benchmark.environments import Environments
from benchmark.errors import TaskError
from dataset_builder.release.records import Record, read_toml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataset_builder.release.reader import Release

TRACKS = Path(__file__).parent / "tracks"


class Track(Record):
    """A set of tasks with one purpose; see `tracks/`."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    summary: str
    sizes: list[int]


@dataclass(frozen=True)
class Task:
    """One training and one test of one model."""

    track: str
    fold: int
    n_train: int
    seed: int

    def __str__(self) -> str:
        return f"fold{self.fold}-n{self.n_train}-seed{self.seed}"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Every environment of a fold's trajectories, with the ids that predictions are written under.

    All arrays have shape ``(n,)``.
    """

    environments: Environments
    structure_id: np.ndarray
    trajectory_id: np.ndarray


def read_track(name: str) -> Track:
    """Return a track by name.

    Raises
    ------
    TaskError
        If there is no such track.
    """
    names = sorted(path.stem for path in TRACKS.glob("*.toml"))
    if name not in names:
        raise TaskError(f"track {name}", expected=f"one of {', '.join(names)}", got="an unknown name", remedy="correct the name")
    return read_toml(TRACKS / f"{name}.toml", Track, TaskError)


def list_tasks(release: Release, track: Track, *, sizes: Sequence[int] | None, folds: Sequence[int] | None, seed: int) -> list[Task]:
    """Return the tasks of a track on a release, small ones first.

    Parameters
    ----------
    sizes, folds
        Which ones; None for all that the release holds.

    Raises
    ------
    TaskError
        If the release has no such fold, or the track no such size, or the release too few environments.
    """
    if _shortest_order(release) < min(track.sizes):
        raise TaskError(
            f"release {release.manifest.name}",
            expected=f"at least {min(track.sizes)} training environments",
            got=_shortest_order(release),
            remedy="choose a larger release",
        )
    offered = [int(size) for size in track.sizes if size <= _shortest_order(release)]
    chosen_sizes = _choose("size", sizes, offered)
    chosen_folds = _choose("fold", folds, sorted(release.folds))
    return [Task(track.name, fold, size, seed) for size in chosen_sizes for fold in chosen_folds]


def train_set(release: Release, task: Task) -> Environments:
    """Return the task's training environments with energies: the first rows of the fold's order."""
    structure_id, atom = (column[: task.n_train] for column in release.train_order(task.fold))
    columns = release.structures
    rows = columns.rows_of(structure_id)
    energies = columns.local_energies[columns.offsets[rows] + atom]
    used, index = np.unique(rows, return_inverse=True)
    return Environments([columns.structure(int(i)) for i in used], index, atom, energies)


def held_out(release: Release, fold: int) -> HeldOut:
    """Return the test environments of a fold, with energies, ordered by structure and atom."""
    columns = release.structures
    rows = np.flatnonzero(np.isin(columns.trajectory_id, release.folds[fold]))
    n_atoms = np.diff(columns.offsets)[rows]
    index = np.repeat(np.arange(len(rows)), n_atoms)
    atom = np.arange(n_atoms.sum()) - np.repeat(np.cumsum(n_atoms) - n_atoms, n_atoms)
    energies = columns.local_energies[columns.offsets[rows][index] + atom]
    environments = Environments([columns.structure(int(i)) for i in rows], index, atom, energies)
    return HeldOut(environments, columns.structure_id[rows][index], columns.trajectory_id[rows][index])


def _shortest_order(release: Release) -> int:
    rows = [entry.rows or 0 for path, entry in release.manifest.files.items() if path.startswith("splits/train_order-")]
    return min(rows, default=0)


def _choose(kind: str, wanted: Sequence[int] | None, offered: list[int]) -> list[int]:
    for value in wanted or ():
        if value not in offered:
            raise TaskError(
                f"{kind} {value}",
                expected=f"one of {', '.join(map(str, offered)) or 'none: the release is too small'}",
                got=value,
                remedy=f"choose another {kind} or a larger release",
            )
    return sorted(set(wanted)) if wanted else offered
