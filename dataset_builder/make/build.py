"""Build a release from a recipe: trajectories in parallel, each stored when done, then assembled into a release.

A killed build loses the trajectories in progress and nothing else. The manifest is written last: a folder without
one is not a release. Nothing in the contents depends on the number of workers or on the order of completion.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ase.data import atomic_numbers

from dataset_builder.errors import PotentialError, ReleaseError
from dataset_builder.make.assemble import assemble_release
from dataset_builder.make.execution import run_tasks
from dataset_builder.make.recipe import Recipe, read_recipe, recipe_digest, trajectory_plans
from dataset_builder.make.trajectory import load_driver, load_teacher, run_trajectory
from dataset_builder.make.workplace import claim, remove_workplace
from dataset_builder.release.manifest import MANIFEST, Manifest, PotentialReference, read_manifest, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Build:
    """A recipe with the folder it lies in and the potentials it names."""

    recipe: Recipe
    folder: Path
    driver: PotentialReference
    teacher: PotentialReference

    def identity(self) -> str:
        """Return the digest of everything that decides the outcome."""
        parts = [recipe_digest(self.recipe), self.driver.model_dump_json(), self.teacher.model_dump_json()]
        return hashlib.sha256("".join(parts).encode()).hexdigest()


def build_release(recipe_path: Path, out: Path, *, workers: int | None = None, progress: Progress = lambda *_: None) -> Path:
    """Build the release that a recipe defines, or finish one that was interrupted.

    Parameters
    ----------
    recipe_path
        The recipe's TOML file.
    out
        Folder of the release; made if missing.
    workers
        Number of processes; default all cores. Changes the time, never the result.
    progress
        Called with a stage's name, how much of it is done, and how much there is.

    Returns
    -------
    The folder of the release.

    Raises
    ------
    RecipeError, PotentialError
        If the recipe or a potential is wrong; nothing is written then.
    ReleaseError
        If the folder holds something else.
    """
    build = _plan(recipe_path)
    if (out / MANIFEST).exists():
        return _finished(out, build)
    with claim(out, build.identity()) as work:
        parts = _run_trajectories(build, work, workers or _cores(), progress)
        manifest = assemble_release(build.recipe, build.driver, build.teacher, parts, work / "release", progress)
        _publish(work, out, manifest)
    remove_workplace(out)
    return out


def _plan(recipe_path: Path) -> Build:
    """Find the potentials here, so that a missing one fails in one line and not in every worker."""
    recipe, folder = read_recipe(recipe_path), recipe_path.parent.resolve()
    driver, teacher = load_driver(recipe.driver, folder), load_teacher(recipe.teacher, folder)
    element = recipe.structures.element
    if atomic_numbers[element] not in teacher.elements:
        known = sorted(symbol for symbol, z in atomic_numbers.items() if z in teacher.elements)
        raise PotentialError(
            f"teacher {teacher.reference.name}",
            expected=f"a potential for {element}",
            got=f"one for {', '.join(known)}",
            remedy="choose another teacher or element",
        )
    return Build(recipe, folder, driver.reference, teacher.reference)


def _finished(out: Path, build: Build) -> Path:
    manifest = read_manifest(out)
    if (manifest.recipe, manifest.driver, manifest.teacher) != (json.loads(build.recipe.model_dump_json()), build.driver, build.teacher):
        raise ReleaseError(
            str(out),
            expected="an empty folder or a release of this recipe with these potentials and engines",
            got=f"another release, {manifest.name} {manifest.version}",
            remedy="choose another --out; releases are never overwritten",
        )
    remove_workplace(out)  # left by a kill just after the manifest was written
    return out


def _run_trajectories(build: Build, work: Path, workers: int, progress: Progress) -> list[Path]:
    plans = trajectory_plans(build.recipe)
    parts = [work / "parts" / f"trajectory-{plan.trajectory_id:06d}.parquet" for plan in plans]
    missing = [(build.recipe, build.folder, plan, part) for plan, part in zip(plans, parts, strict=True) if not part.exists()]
    done = len(plans) - len(missing)
    progress("Molecular dynamics and labels", done, len(plans))
    for count, _ in enumerate(run_tasks(run_trajectory, missing, min(workers, max(len(missing), 1))), start=done + 1):
        progress("Molecular dynamics and labels", count, len(plans))
    return parts


def _publish(work: Path, out: Path, manifest: Manifest) -> None:
    """Move the finished files into place, the manifest last."""
    for name in manifest.files:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "release" / name).replace(out / name)
    write_manifest(out, manifest)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
