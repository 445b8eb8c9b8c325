"""Open a release and get its columns as numpy arrays; every file is checked against the manifest as it is read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.errors import ReleaseError
from dataset_builder.release.manifest import Manifest, read_manifest
from dataset_builder.structure import Structure


@dataclass(frozen=True, eq=False)
class StructureColumns:
    """Structures as flat arrays; structure `i` owns atoms ``offsets[i]:offsets[i + 1]``.

    Attributes
    ----------
    structure_id, trajectory_id
        Shape ``(n_structures,)``.
    offsets
        Shape ``(n_structures + 1,)``.
    atomic_numbers, local_energies
        Shape ``(n_atoms,)`` [-, eV].
    positions
        Shape ``(n_atoms, 3)`` [Å].
    cells, pbc
        Shapes ``(n_structures, 3, 3)`` [Å] and ``(n_structures, 3)``.
    """

    structure_id: np.ndarray
    trajectory_id: np.ndarray
    offsets: np.ndarray
    atomic_numbers: np.ndarray
    positions: np.ndarray
    cells: np.ndarray
    pbc: np.ndarray
    local_energies: np.ndarray

    def __len__(self) -> int:
        return len(self.structure_id)

    def structure(self, i: int) -> Structure:
        """Return structure `i`, in order of the columns; its arrays are views, not copies."""
        atoms = slice(self.offsets[i], self.offsets[i + 1])
        return Structure(self.atomic_numbers[atoms], self.positions[atoms], self.cells[i], self.pbc[i])

    def rows_of(self, structure_ids: np.ndarray) -> np.ndarray:
        """Return the row of each structure id (ids ascend along the rows)."""
        return np.searchsorted(self.structure_id, structure_ids)


@dataclass(frozen=True)
class Release:
    """An opened release folder."""

    folder: Path
    manifest: Manifest

    def read(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """Return one of the release's Parquet files, after checking its bytes against the manifest.

        Raises
        ------
        ReleaseError
            If the file is missing or is not the file that the manifest describes.
        """
        source = pa.BufferReader(self.read_bytes(path))
        return pq.read_table(source, columns=columns)

    def read_bytes(self, path: str) -> bytes:
        """Return a file's bytes, checked against the manifest; raises `ReleaseError` as `read` does."""
        entry = self.manifest.files.get(path)
        if entry is None:
            raise ReleaseError(
                f"{self.folder}", expected=f"a release with {path}", got="a manifest without it", remedy="choose another fold or release"
            )
        try:
            content = (self.folder / path).read_bytes()
        except OSError as error:
            raise ReleaseError(
                str(self.folder / path),
                expected="a file named in the manifest",
                got=error.strerror,
                remedy="get the release again, or build it again",
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != entry.sha256:
            raise ReleaseError(
                str(self.folder / path),
                expected=f"{entry.bytes} bytes with SHA-256 {entry.sha256[:12]}…",
                got=f"{len(content)} bytes with {found[:12]}…",
                remedy="the file was altered: get the release again, or build it again",
            )
        return content

    @property
    def shards(self) -> list[str]:
        """Paths of the data shards, in order."""
        return sorted(path for path in self.manifest.files if path.startswith("data/"))

    @cached_property
    def structures(self) -> StructureColumns:
        """All structures with their per-atom energies."""
        wanted = ["structure_id", "trajectory_id", "atomic_numbers", "positions", "cell", "pbc", "local_energies"]
        table = pa.concat_tables([self.read(shard, wanted) for shard in self.shards])
        numbers = table.column("atomic_numbers").combine_chunks()
        return StructureColumns(
            structure_id=table.column("structure_id").to_numpy(),
            trajectory_id=table.column("trajectory_id").to_numpy(),
            offsets=np.concatenate([[0], np.cumsum(numbers.value_lengths().to_numpy())]),
            atomic_numbers=_leaves(numbers),
            positions=_leaves(table.column("positions").combine_chunks()).reshape(-1, 3),
            cells=_leaves(table.column("cell").combine_chunks()).reshape(-1, 3, 3),
            pbc=_leaves(table.column("pbc").combine_chunks()).reshape(-1, 3),
            local_energies=_leaves(table.column("local_energies").combine_chunks()),
        )

    @cached_property
    def folds(self) -> dict[int, np.ndarray]:
        """Test trajectories of each fold."""
        table = self.read("splits/folds.parquet")
        trajectory, fold = table.column("trajectory_id").to_numpy(), table.column("fold").to_numpy()
        return {int(k): trajectory[fold == k] for k in np.unique(fold)}

    def train_order(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Return structure id and atom index of a fold's training environments, in training order."""
        table = self.read(f"splits/train_order-fold{fold}.parquet")
        return table.column("structure_id").to_numpy(), table.column("atom_index").to_numpy().astype(np.int64)


def open_release(folder: Path | str) -> Release:
    """Open a release folder.

    Raises
    ------
    ReleaseError
        If it is not a release.
    """
    return Release(Path(folder), read_manifest(Path(folder)))


def _leaves(array: pa.Array) -> np.ndarray:
    while pa.types.is_list(array.type):
        array = array.flatten()
    return array.to_numpy(zero_copy_only=False)
