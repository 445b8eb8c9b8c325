"""Errors of predictions: pure numpy; energies in eV in, meV out where the name says so."""

from __future__ import annotations

import numpy as np

MEV = 1000.0


def mae_mev(errors: np.ndarray) -> float:
    """Return the mean absolute error [meV] of errors [eV].

    Examples
    --------
    >>> mae_mev(np.array([0.001, -0.003]))
    2.0
    """
    return float(np.abs(errors).mean() * MEV)


def rmse_mev(errors: np.ndarray) -> float:
    """Return the root mean square error [meV] of errors [eV].

    Examples
    --------
    >>> rmse_mev(np.array([0.003, -0.003]))
    3.0
    """
    return float(np.sqrt((errors**2).mean()) * MEV)


def mae_by_group(errors: np.ndarray, groups: np.ndarray) -> list[tuple[int, int, float]]:
    """Return (group, number of members, MAE [meV]) for each distinct integer in `groups`, ascending.

    Examples
    --------
    >>> mae_by_group(np.array([0.001, 0.002, -0.004]), np.array([3, 4, 4]))
    [(3, 1, 1.0), (4, 2, 3.0)]
    """
    names, members = np.unique(groups, return_inverse=True)
    counts = np.bincount(members)
    sums = np.bincount(members, weights=np.abs(errors))
    return [(int(g), int(n), float(s / n * MEV)) for g, n, s in zip(names, counts, sums, strict=True)]


def error_sums(errors: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return each distinct group with its number of members, sum of absolute errors [eV] and of squares [eV²].

    Four arrays of shape ``(n_groups,)``, groups ascending.
    """
    names, members = np.unique(groups, return_inverse=True)
    return names, np.bincount(members), np.bincount(members, weights=np.abs(errors)), np.bincount(members, weights=errors**2)
