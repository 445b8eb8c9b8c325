"""SOAP power spectra of environments, by quippy, computed in parallel and kept on disk.

A descriptor depends on the structure and not on any label, so it is kept under the digest of structures, selection and
settings, and read back as a memory map. Source: Bartók, Kondor & Csányi, Phys. Rev. B 87, 184115 (2013).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmark import Environments
    from dataset_builder.structure import Structure

IN_PROCESS_ATOMS = 2_000  # fewer are done before a worker has started
CHUNK_STRUCTURES = 16
Job = tuple["Structure", np.ndarray]  # a structure and which of its atoms


@dataclass(frozen=True)
class Soap:
    """Settings of a SOAP descriptor; the defaults are those of the published study.

    Attributes
    ----------
    species
        Atomic numbers that occur, ascending.
    n_max, l_max
        Number of radial functions, highest angular momentum.
    cutoff, sigma
        Radius of an environment and width of an atom in it [Å].
    """

    species: tuple[int, ...]
    n_max: int = 12
    l_max: int = 6
    cutoff: float = 3.7
    sigma: float = 0.5

    def quippy_arguments(self, centre: int) -> str:
        """Return quippy's descriptor string for central atoms of one element."""
        species = " ".join(map(str, self.species))
        settings = f"n_max={self.n_max} l_max={self.l_max} cutoff={self.cutoff} cutoff_transition_width=0.5 atom_sigma={self.sigma}"
        return f"soap {settings} Z={centre} n_species={len(self.species)} species_Z={{{species}}}"


class SoapOfTraining:
    """SOAP with settings chosen beforehand, of the elements in the first environments it is asked for: the training set's.

    Parameters
    ----------
    settings
        `Soap`'s, without species.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._soap: Soap | None = None

    def __call__(self, environments: Environments) -> np.ndarray:
        """Return the features of environments, shape ``(n, d)``; see `soap_features`."""
        if self._soap is None:
            self._soap = Soap(species_of(environments), **self._settings)
        return soap_features(environments, self._soap)


def soap_features(environments: Environments, soap: Soap, folder: Path | None = None) -> np.ndarray:
    """Return the normalised power spectrum of each environment.

    Parameters
    ----------
    folder
        Where descriptors are kept; default ``$SYNTHATOMS_CACHE`` or ``~/.cache/synthatoms``.

    Returns
    -------
    Shape ``(n, d)``, f64, read-only; rows have norm 1.

    Raises
    ------
    ModelError
        If a structure holds an element that `soap.species` lacks, or quippy is missing.
    """
    path = (folder or cache_folder()) / f"{_key(environments, soap)}.npy"
    if not path.exists():
        _compute(environments, soap, path)
    features: np.ndarray = np.load(path, mmap_mode="r")
    return features


def species_of(environments: Environments) -> tuple[int, ...]:
    """Return the atomic numbers in all structures, ascending."""
    return tuple(int(z) for z in np.unique(np.concatenate([s.atomic_numbers for s in environments.structures])))


def cache_folder() -> Path:
    """Return the folder for descriptors: ``$SYNTHATOMS_CACHE`` or ``~/.cache/synthatoms``."""
    return Path(os.environ.get("SYNTHATOMS_CACHE") or Path.home() / ".cache" / "synthatoms") / "soap"


def _key(environments: Environments, soap: Soap) -> str:
    return hashlib.sha256(f"{soap} quippy {_quippy_version()} {environments.digest()}".encode()).hexdigest()


def _compute(environments: Environments, soap: Soap, path: Path) -> None:
    unknown = set(species_of(environments)) - set(soap.species)
    if unknown:
        raise ModelError(
            "SOAP",
            expected=f"structures of the elements {soap.species}",
            got=f"atomic number {min(unknown)}",
            remedy="train on structures that hold every element",
        )
    order = np.lexsort((environments.atom_index, environments.structure_index))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    features: np.memmap | None = None
    done = 0
    for block in _blocks(environments, order, soap):
        if features is None:
            features = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float64, shape=(len(environments), block.shape[1]))
        features[order[done : done + len(block)]] = block
        done += len(block)
    if features is None:
        raise ModelError("SOAP", expected="at least one environment", got="none", remedy="choose a larger size or fold")
    features.flush()
    temporary.replace(path)


def _blocks(environments: Environments, order: np.ndarray, soap: Soap) -> Iterator[np.ndarray]:
    """Yield the features of environments in `order` (by structure, then atom), some structures at a time."""
    counts = np.bincount(environments.structure_index, minlength=len(environments.structures))
    atoms = np.split(environments.atom_index[order], np.cumsum(counts)[:-1])
    jobs = [(s, a) for s, a in zip(environments.structures, atoms, strict=True) if len(a)]
    chunks = [jobs[i : i + CHUNK_STRUCTURES] for i in range(0, len(jobs), CHUNK_STRUCTURES)]
    if len(environments) < IN_PROCESS_ATOMS:
        yield from (_soap_chunk(chunk, soap) for chunk in chunks)
        return
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=-1, return_as="generator")(delayed(_soap_chunk)(chunk, soap) for chunk in chunks)


def _soap_chunk(jobs: list[Job], soap: Soap) -> np.ndarray:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # more threads would add in another order, and change last digits
        return np.concatenate([_soap_of_atoms(structure, atoms, soap) for structure, atoms in jobs])


def _soap_of_atoms(structure: Structure, atoms: np.ndarray, soap: Soap) -> np.ndarray:
    found: dict[int, np.ndarray] = {}
    for centre in np.unique(structure.atomic_numbers[atoms]):
        chosen = atoms[structure.atomic_numbers[atoms] == centre]
        frame = structure.to_ase()
        frame.arrays["selected"] = np.isin(np.arange(len(structure)), chosen)
        rows = _descriptor(soap, int(centre)).calc(frame, args_str="atom_mask_name=selected")["data"]
        found.update(zip(chosen.tolist(), rows, strict=True))
    return np.stack([found[atom] for atom in atoms.tolist()])


@cache
def _descriptor(soap: Soap, centre: int) -> Any:
    try:
        from quippy.descriptors import Descriptor
    except ImportError as error:
        raise _no_quippy(error) from error
    return Descriptor(soap.quippy_arguments(centre))


def _quippy_version() -> str:
    try:
        return version("quippy-ase")
    except PackageNotFoundError as error:
        raise _no_quippy("none") from error


def _no_quippy(got: object) -> ModelError:
    return ModelError("SOAP", expected="an importable quippy", got=got, remedy="install it with `pip install 'synthatoms[models]'`")
