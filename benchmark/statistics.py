"""How far a score can be trusted: resampling of whole test trajectories.

Atoms of one trajectory are correlated, so resampling atoms would claim far too narrow an interval. The trajectory
is the unit that is drawn here, as it is the unit that is never split between train and test.
"""

from __future__ import annotations

import numpy as np

LEVEL = 0.95  # probability that the interval is meant to cover


def bootstrap_mae(n: np.ndarray, sum_abs: np.ndarray, *, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile-bootstrap interval of a mean absolute error over test trajectories.

    Trajectories are drawn with replacement, as many as there are; each draw gives
    ``MAE = sum of sum_abs / sum of n`` over the drawn trajectories. Folds may be pooled, because a trajectory is in
    the test set of one fold only. The interval speaks of the choice of test trajectories, not of the training set.

    Parameters
    ----------
    n
        Number of test environments of each trajectory, shape ``(n_trajectories,)``.
    sum_abs
        Sum of absolute errors of each trajectory, same shape and order [any unit of energy].
    resamples
        How many times the trajectories are drawn.
    seed
        Equal seed and numbers, equal interval.

    Returns
    -------
    Lower and upper end [unit of `sum_abs`]. Both NaN with fewer than two trajectories: one says nothing of the spread.

    Examples
    --------
    >>> bootstrap_mae(np.array([10, 10, 10]), np.array([0.5, 0.5, 0.5]))
    (0.05, 0.05)
    """
    tested = np.asarray(n) > 0
    n, sum_abs = np.asarray(n, dtype=np.float64)[tested], np.asarray(sum_abs, dtype=np.float64)[tested]
    if len(n) < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(len(n), size=(resamples, len(n)))
    maes = sum_abs[drawn].sum(axis=1) / n[drawn].sum(axis=1)
    low, high = np.quantile(maes, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
