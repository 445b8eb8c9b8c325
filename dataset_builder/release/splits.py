"""Folds and nested training orders, from hashes of ids: independent of arrival order and of library versions.

A training set of size N is the first N rows of a fold's order, so a smaller set is contained in every larger one.
"""

from __future__ import annotations

import numpy as np

SIZES = (100, 310, 1_000, 3_100, 10_000, 31_000, 100_000, 310_000, 1_000_000)


def assign_folds(trajectory_ids: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each trajectory: in the order of their hashes, dealt out in turn.

    Parameters
    ----------
    trajectory_ids
        Distinct ids, shape ``(n,)``.

    Returns
    -------
    Fold of each, in the order given, shape ``(n,)``; fold sizes differ by at most one.
    """
    order = np.lexsort((trajectory_ids, _hash(seed, 0, trajectory_ids.astype(np.uint64))))
    fold = np.empty(len(trajectory_ids), dtype=np.int8)
    fold[order] = np.arange(len(trajectory_ids)) % folds
    return fold


def train_order(structure_ids: np.ndarray, n_atoms: np.ndarray, *, fold: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all environments of some structures in the order in which a fold trains on them.

    Parameters
    ----------
    structure_ids, n_atoms
        Id and number of atoms of each structure outside the fold, both of shape ``(n_structures,)``.
    fold
        The fold that is tested; each has an order of its own.

    Returns
    -------
    Structure id and atom index of each row, at most 1,000,000 rows (the largest size of a task).
    """
    structure = np.repeat(structure_ids, n_atoms)
    atom = np.arange(n_atoms.sum()) - np.repeat(np.cumsum(n_atoms) - n_atoms, n_atoms)
    environment = structure.astype(np.uint64) << np.uint64(32) | atom.astype(np.uint64)
    order = np.lexsort((environment, _hash(seed, fold + 1, environment)))[: SIZES[-1]]
    return structure[order], atom[order]


def sizes_up_to(n: int) -> list[int]:
    """Return the training-set sizes that `n` environments can fill."""
    return [size for size in SIZES if size <= n]


def _hash(seed: int, stream: int, keys: np.ndarray) -> np.ndarray:
    """SplitMix64 of each key, started from seed and stream (Steele, Lea & Flood, OOPSLA 2014)."""
    start = _splitmix(_splitmix(np.array([seed], dtype=np.uint64)) + np.uint64(stream))
    return _splitmix(_splitmix(keys) ^ start)


def _splitmix(x: np.ndarray) -> np.ndarray:
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
