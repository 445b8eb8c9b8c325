"""One task: run one trajectory, label its snapshots, check them, and store them as one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from dataset_builder.make.checks import check_labels, check_structure
from dataset_builder.make.drivers.base import Driver, DriverError, Segment, State, at_temperature
from dataset_builder.make.drivers.lammps import LammpsDriver
from dataset_builder.make.recipe import Recipe, Stage, TrajectoryPlan, frames_per_trajectory
from dataset_builder.make.seeds import derive_seed
from dataset_builder.make.sources.hard_sphere import hard_sphere_cell
from dataset_builder.make.teachers.gap import GapTeacher
from dataset_builder.release.manifest import Reject
from dataset_builder.release.shards import structures_table, write_parquet
from dataset_builder.structure import LabelledStructure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from dataset_builder.make import recipe as recipes
    from dataset_builder.make.teachers.base import Teacher

REJECTS = b"rejects"


@dataclass(frozen=True)
class Snapshot:
    """Where a trajectory stands when a frame is stored: schedule temperatures before and at it [K], time [ps]."""

    frame: int
    start: float
    end: float
    time: float
    stage: str


def schedule(recipe: Recipe, anneal_temperature: float) -> list[Snapshot]:
    """Return the snapshots of a trajectory in order, each with the temperatures of the segment that leads to it."""
    snapshots: list[Snapshot] = []
    for stage in recipe.dynamics.stages:
        snapshots.extend(_stage_snapshots(stage, anneal_temperature, recipe.dynamics.snapshot_interval, len(snapshots)))
    return snapshots


def _stage_snapshots(stage: Stage, anneal: float, interval: float, first: int) -> Iterator[Snapshot]:
    start, end = (anneal if value == "anneal" else float(value) for value in (stage.start, stage.end))
    count = round(stage.duration / interval)
    for i in range(count):
        ramp = [start + (end - start) * k / count for k in (i, i + 1)]
        yield Snapshot(first + i, ramp[0], ramp[1], (first + i + 1) * interval, stage.name)


def run_trajectory(recipe: Recipe, folder: Path, plan: TrajectoryPlan, part: Path) -> int:
    """Run, label and store one trajectory; return how many frames were kept.

    Parameters
    ----------
    folder
        Where relative potential paths of the recipe start.
    part
        The Parquet file to write; frames that failed a check are listed in its metadata.
    """
    kept: list[LabelledStructure] = []
    rejects: list[Reject] = []
    driver, teacher = load_driver(recipe.driver, folder), load_teacher(recipe.teacher, folder)
    for outcome in _frames(recipe, plan, driver, teacher):
        if isinstance(outcome, Reject):
            rejects.append(outcome)
        else:
            kept.append(outcome)
    _write_part(part, kept, rejects)
    return len(kept)


def read_frames(part: Path) -> pa.Table:
    """Return the frames that `run_trajectory` stored."""
    return pq.read_table(part).replace_schema_metadata()


def read_rejects(part: Path) -> list[Reject]:
    """Return the frames that `run_trajectory` refused, with their reasons; reads no data."""
    return [Reject.model_validate(reject) for reject in json.loads(pq.read_schema(part).metadata[REJECTS])]


def count_frames(part: Path) -> int:
    """Return how many frames `run_trajectory` stored in a file."""
    return int(pq.read_metadata(part).num_rows)


@cache
def load_driver(named: recipes.Driver, folder: Path) -> Driver:
    """Return a recipe's driver, made once per process; raises `PotentialError` if it cannot be."""
    return LammpsDriver(named.pair_style, named.potential, folder)


@cache
def load_teacher(named: recipes.Teacher, folder: Path) -> Teacher:
    """Return a recipe's teacher, made once per process; raises `PotentialError` if it cannot be."""
    return GapTeacher(named.potential, folder)


def _frames(recipe: Recipe, plan: TrajectoryPlan, driver: Driver, teacher: Teacher) -> Iterator[LabelledStructure | Reject]:
    snapshots = schedule(recipe, plan.anneal_temperature)
    state = _start(recipe, plan, snapshots[0].start)
    for snapshot in snapshots:
        try:
            state = driver.advance(state, _segment(recipe, plan, snapshot))
        except DriverError as error:
            yield Reject(
                trajectory_id=plan.trajectory_id, frame=snapshot.frame, check="driver", detail=f"{error}; the trajectory ends here"
            )
            return
        yield _labelled(recipe, plan, snapshot, state, teacher)


def _start(recipe: Recipe, plan: TrajectoryPlan, temperature: float) -> State:
    made = recipe.structures
    seed = derive_seed(recipe.seed, "structure", plan.trajectory_id, plan.seed)
    structure = hard_sphere_cell(made.element, made.atoms, plan.density, made.radius, seed)
    return at_temperature(structure, temperature, derive_seed(recipe.seed, "velocities", plan.trajectory_id, plan.seed))


def _segment(recipe: Recipe, plan: TrajectoryPlan, snapshot: Snapshot) -> Segment:
    dynamics = recipe.dynamics
    steps = round(dynamics.snapshot_interval / dynamics.timestep)
    seed = derive_seed(recipe.seed, "segment", plan.trajectory_id, plan.seed, snapshot.frame)
    return Segment(snapshot.start, snapshot.end, steps, dynamics.timestep, dynamics.damping, seed)


def _labelled(recipe: Recipe, plan: TrajectoryPlan, snapshot: Snapshot, state: State, teacher: Teacher) -> LabelledStructure | Reject:
    reason = check_structure(state.structure, state.temperature(), snapshot.end, recipe.checks)
    if reason is None:
        labels = teacher.label(state.structure)
        reason = check_labels(labels, recipe.checks)
    if reason is not None:
        return Reject(trajectory_id=plan.trajectory_id, frame=snapshot.frame, check=reason[0], detail=reason[1])
    return LabelledStructure(
        structure=state.structure,
        labels=labels,
        structure_id=plan.trajectory_id * frames_per_trajectory(recipe) + snapshot.frame,
        trajectory_id=plan.trajectory_id,
        frame=snapshot.frame,
        density=plan.density,
        anneal_temperature=plan.anneal_temperature,
        time=snapshot.time,
        stage=snapshot.stage,
    )


def _write_part(part: Path, kept: list[LabelledStructure], rejects: list[Reject]) -> None:
    table = structures_table(kept)
    schema = table.schema.with_metadata({REJECTS: json.dumps([reject.model_dump() for reject in rejects])})
    write_parquet(part, [table.cast(schema)], schema)
