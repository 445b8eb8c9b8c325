"""Check a release folder: every byte, every value, and the rules that every release keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builder.errors import ReleaseError
from dataset_builder.release.manifest import Manifest, content_digest
from dataset_builder.release.reader import Release, open_release
from dataset_builder.release.schema import FOLDS, STRUCTURES, TRAIN_ORDER, arrow_schema
from dataset_builder.release.shards import column_digests

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[str, int, int], None]
PARTITION_TOLERANCE = 1e-6  # eV/atom
REMEDY = "get the release again, or build it again"


def verify_release(folder: Path, *, progress: Progress = lambda *_: None) -> Manifest:
    """Return the manifest of a release after checking everything that can be checked without its teacher.

    Checked: bytes and values of each file, schema, the digest of the whole, foreign files, ids, finite labels,
    Σ local energies = energy, folds that cover each trajectory once, and training orders that are free of repeats
    and of test environments.

    Raises
    ------
    ReleaseError
        At the first thing that is wrong.
    """
    release = open_release(folder)
    manifest = release.manifest
    _check_no_foreign_files(release)
    for done, path in enumerate(manifest.files):
        progress("Files", done, len(manifest.files))
        _check_file(release, path)
    progress("Files", len(manifest.files), len(manifest.files))
    _check_digest(folder, manifest)
    _check_ids(release)
    _check_statements(release)
    for fold in _check_folds(release):
        _check_order(release, fold)
    return manifest


def _check_no_foreign_files(release: Release) -> None:
    present = {str(path.relative_to(release.folder)) for part in ("data", "splits") for path in (release.folder / part).glob("*")}
    foreign = sorted(present - set(release.manifest.files))
    if foreign:
        raise _wrong(release.folder / foreign[0], "only files that the manifest names", "another file", "remove it")


def _check_file(release: Release, path: str) -> None:
    entry = release.manifest.files[path]
    if entry.columns is None:
        release.read_bytes(path)
        return
    table = release.read(path)
    columns = STRUCTURES if path.startswith("data/") else FOLDS if path.endswith("folds.parquet") else TRAIN_ORDER
    if not table.schema.equals(arrow_schema(columns), check_metadata=True):
        raise _wrong(release.folder / path, "the schema of a release, with units", str(table.schema.remove_metadata()))
    if (table.num_rows, column_digests(table)) != (entry.rows, entry.columns):
        raise _wrong(release.folder / path, "the values that the manifest describes", "others")
    if path.startswith("data/"):
        _check_labels(release.folder / path, table)


def _check_labels(path: Path, table: pa.Table) -> None:
    local = table.column("local_energies").combine_chunks()
    totals = np.add.reduceat(local.flatten().to_numpy(), local.offsets.to_numpy()[:-1])
    n_atoms = local.value_lengths().to_numpy()
    residual = np.abs(totals - table.column("energy").to_numpy()) / n_atoms
    worst = int(np.argmax(np.where(np.isfinite(residual), residual, np.inf)))
    if not residual[worst] <= PARTITION_TOLERANCE:
        raise _wrong(
            path,
            "local energies that sum to the total energy",
            f"{residual[worst]:.3g} eV/atom in structure {table.column('structure_id')[worst]}",
        )
    if not np.isfinite(table.column("forces").combine_chunks().flatten().flatten().to_numpy()).all():
        raise _wrong(path, "finite forces", "some that are not")


def _check_digest(folder: Path, manifest: Manifest) -> None:
    found = content_digest(manifest.recipe, manifest.teacher, manifest.driver, manifest.files)
    if found != manifest.digest:
        raise _wrong(folder / "MANIFEST.json", f"digest {found[:12]}… of the contents it lists", f"{manifest.digest[:12]}…")


def _check_ids(release: Release) -> None:
    table = pa.concat_tables([release.read(shard, ["structure_id", "trajectory_id", "frame"]) for shard in release.shards])
    ids = table.column("structure_id").to_numpy()
    if (np.diff(ids) <= 0).any():
        raise _wrong(release.folder / "data", "ascending, distinct structure ids", f"{ids[1:][np.diff(ids) <= 0][0]} out of place")
    trajectory, frame = table.column("trajectory_id").to_numpy().astype(np.int64), table.column("frame").to_numpy()
    if (np.diff(trajectory * 2**16 + frame) <= 0).any():
        raise _wrong(release.folder / "data", "rows sorted by trajectory and frame", "another order")


def _check_statements(release: Release) -> None:
    """Compare what the manifest says in words of its own with the recipe and the rows."""
    manifest, recipe = release.manifest, release.manifest.recipe
    columns = release.structures
    stated = {
        "name": (manifest.name, recipe["name"]),
        "version": (manifest.version, recipe["version"]),
        "summary": (manifest.summary, recipe["summary"]),
        "licence": (manifest.licence, recipe["licence"]),
        "element": (manifest.element, recipe["structures"]["element"]),  # type: ignore[call-overload, index]
        "coordination_cutoff": (manifest.coordination_cutoff, recipe["analysis"]["coordination_cutoff"]),  # type: ignore[call-overload, index]
        "trajectories": (manifest.counts.trajectories, len(np.unique(columns.trajectory_id))),
        "structures": (manifest.counts.structures, len(columns)),
        "environments": (manifest.counts.environments, len(columns.atomic_numbers)),
        "rejected": (manifest.counts.rejected, len(manifest.rejects)),
    }
    for name, (said, found) in stated.items():
        if said != found:
            raise _wrong(release.folder / f"MANIFEST.json, {name}", str(found), str(said))


def _check_folds(release: Release) -> list[int]:
    assigned = release.read("splits/folds.parquet").column("trajectory_id")
    trajectories = np.unique(release.structures.trajectory_id)
    if not np.array_equal(np.sort(assigned.to_numpy()), trajectories):
        raise _wrong(
            release.folder / "splits/folds.parquet",
            "each trajectory in one fold",
            f"{len(assigned)} rows for {len(trajectories)} trajectories",
        )
    return sorted(release.folds)


def _check_order(release: Release, fold: int) -> None:
    path = release.folder / f"splits/train_order-fold{fold}.parquet"
    structure, atom = release.train_order(fold)
    rows = release.structures.rows_of(structure)
    tested = np.isin(release.structures.trajectory_id[np.minimum(rows, len(release.structures) - 1)], release.folds[fold])
    if tested.any():
        raise _wrong(path, "no environment of the fold's own trajectories", f"structure {structure[tested][0]}")
    if (atom >= np.diff(release.structures.offsets)[rows]).any() or (atom < 0).any():
        raise _wrong(path, "atoms that exist", "an atom index beyond its structure")
    if pc.count_distinct(pa.array(structure.astype(np.int64) * 2**16 + atom)).as_py() != len(structure):
        raise _wrong(path, "each environment once", "repeats")


def _wrong(where: Path, expected: str, got: str, remedy: str = REMEDY) -> ReleaseError:
    return ReleaseError(str(where), expected=expected, got=got, remedy=remedy)
