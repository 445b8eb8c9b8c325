"""MANIFEST.json: what a release contains, where it came from, and the digest that names its contents.

The digest covers the recipe, the potentials with their engines (another engine may divide the same energy differently),
and the *values* of every data and split column. It does not cover bytes of Parquet files or versions of other libraries,
so the same values have the same digest wherever they were written; the SHA-256 of each file stands beside it and
catches every changed byte.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from dataset_builder.errors import ReleaseError
from dataset_builder.release.records import Record, read_json

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "MANIFEST.json"
FORMAT_VERSION = 1


class PotentialReference(Record):
    """Which potential gave the labels (or moved the atoms): its name, engine and the SHA-256 of its parameters."""

    name: str
    engine: str
    sha256: str


class FileEntry(Record):
    """One file: digest and size of its bytes; for Parquet also rows and a digest of each column's values."""

    sha256: str
    bytes: int
    rows: int | None = None
    columns: dict[str, str] | None = None


class Reject(Record):
    """A structure that failed a check; `frame` is null when the whole trajectory failed."""

    trajectory_id: int
    frame: int | None
    check: str
    detail: str


class Counts(Record):
    """Size of a release."""

    trajectories: int
    structures: int
    environments: int
    rejected: int


class Manifest(Record):
    """A release, described."""

    format_version: int = FORMAT_VERSION
    name: str
    version: str
    summary: str
    licence: str
    digest: str
    teacher: PotentialReference
    driver: PotentialReference
    element: str
    coordination_cutoff: float
    counts: Counts
    recipe: dict[str, JsonValue]
    rejects: list[Reject]
    files: dict[str, FileEntry]
    versions: dict[str, str]


def content_digest(recipe: dict[str, Any], teacher: PotentialReference, driver: PotentialReference, files: dict[str, FileEntry]) -> str:
    """Return the digest of a release's contents: SHA-256 of recipe, potentials and column values."""
    values = {path: [entry.rows, entry.columns] for path, entry in files.items() if entry.columns is not None}
    content = {"recipe": recipe, "teacher": teacher.model_dump(), "driver": driver.model_dump(), "values": values}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, through a temporary name: its presence is what makes a folder a release."""
    temporary = folder / f".{MANIFEST}.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a release folder.

    Raises
    ------
    ReleaseError
        If the folder is no release, or its manifest is damaged.
    """
    if not (folder / MANIFEST).is_file():
        got = "a folder without one" if folder.is_dir() else "no such folder"
        raise ReleaseError(
            str(folder), expected=f"a release folder with {MANIFEST}", got=got, remedy="build one with `synthatoms dataset build`"
        )
    return read_json(folder / MANIFEST, Manifest, ReleaseError, remedy="get the release again")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
