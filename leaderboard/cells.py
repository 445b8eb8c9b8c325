"""One model at one training size: what several folds (and seeds) come to together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np

from benchmark.statistics import bootstrap_mae

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmark.results import Result


@dataclass(frozen=True)
class Cell:
    """One model at one training size, over folds.

    Attributes
    ----------
    fold_maes
        ``(fold, MAE [meV])``, seeds averaged, in order of folds.
    mae_mev, sd_mev
        Mean and sample standard deviation over folds [meV]; no deviation with a single fold.
    interval_mev
        95 % interval of the MAE from resampling the test trajectories of all folds [meV]; none if it has under two.
    features_s, fit_s
        Mean over folds [s].
    predict_us
        Time to predict one environment, mean over folds [µs].
    peak_memory_mib
        Largest of the folds [MiB].
    hardware
        Every distinct machine, in words.
    is_complete
        Whether all folds of the ranking are there.
    """

    n_train: int
    fold_maes: tuple[tuple[int, float], ...]
    mae_mev: float
    sd_mev: float | None
    interval_mev: tuple[float, float] | None
    rmse_mev: float
    features_s: float
    fit_s: float
    predict_us: float
    peak_memory_mib: float
    hardware: tuple[str, ...]
    is_complete: bool


def make_cell(results: Sequence[Result], folds: tuple[int, ...]) -> Cell:
    """Return what one model reached at one size; `folds` are those of the ranking. Seeds are averaged inside their fold."""
    maes = _mean_by_fold(results, lambda result: result.mae_mev)
    return Cell(
        n_train=results[0].n_train,
        fold_maes=tuple(maes.items()),
        mae_mev=fmean(maes.values()),
        sd_mev=stdev(maes.values()) if len(maes) > 1 else None,
        interval_mev=_find_interval(results),
        rmse_mev=_mean_over_folds(results, lambda result: result.rmse_mev),
        features_s=_mean_over_folds(results, lambda result: result.features_s),
        fit_s=_mean_over_folds(results, lambda result: result.fit_s),
        predict_us=_mean_over_folds(results, lambda result: 1e6 * result.predict_s / result.n_test),
        peak_memory_mib=max(result.peak_memory_mib for result in results),
        hardware=tuple(dict.fromkeys(describe_hardware(result) for result in results)),
        is_complete=tuple(maes) == folds,
    )


def _mean_by_fold(results: Sequence[Result], value: Callable[[Result], float]) -> dict[int, float]:
    by_fold: dict[int, list[float]] = defaultdict(list)
    for result in results:
        by_fold[result.fold].append(value(result))
    return {fold: fmean(by_fold[fold]) for fold in sorted(by_fold)}


def _mean_over_folds(results: Sequence[Result], value: Callable[[Result], float]) -> float:
    return fmean(_mean_by_fold(results, value).values())


def _find_interval(results: Sequence[Result]) -> tuple[float, float] | None:
    """Pool the folds (and seeds: one trajectory stays one unit) and resample the trajectories."""
    columns = [result.by_trajectory for result in results]
    ids = np.concatenate([np.array(c.trajectory_id) for c in columns])
    _, unit = np.unique(ids, return_inverse=True)
    n = np.bincount(unit, weights=np.concatenate([c.n for c in columns]))
    sum_abs = np.bincount(unit, weights=np.concatenate([c.sum_abs_ev for c in columns]))
    low, high = bootstrap_mae(n, sum_abs)
    return None if np.isnan(low) else (1e3 * low, 1e3 * high)


def describe_hardware(result: Result) -> str:
    """Return the machine of a result in words."""
    machine = result.hardware
    return f"{machine.cpu}, {machine.cores} {'core' if machine.cores == 1 else 'cores'}, {machine.memory_gib:.0f} GiB"
