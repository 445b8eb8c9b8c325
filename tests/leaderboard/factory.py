"""Results for tests: every number is plausible, and a test names only what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.results import CoordinationError, Hardware, ReleaseReference, Result, TrajectoryErrors, write_results

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HARDWARE = Hardware(cpu="Test CPU 3000", cores=2, memory_gib=24, platform="Linux-x86_64")


def make_release(name: str = "carbon-test", version: str = "1.0.0", digest: str = "a1" * 32) -> ReleaseReference:
    """Return a reference to a release that nobody built."""
    return ReleaseReference(name=name, version=version, digest=digest, teacher="c-gap-mini 1.0")


def make_result(model: str = "ridge", *, n_train: int = 100, fold: int = 0, mae_mev: float = 100.0, **changes: Any) -> Result:
    """Return one result with consistent error sums; each of its four trajectories has the fold's MAE."""
    fields: dict[str, Any] = {
        "model": model, "model_path": f"baselines.{model}:Model", "description": "A model for tests.", "options": {"alpha": 0.1},
        "release": make_release(), "track": "per-atom", "fold": fold, "n_train": n_train, "seed": 0, "n_test": 4000,
        "mae_mev": mae_mev, "rmse_mev": 1.5 * mae_mev, "by_coordination": make_coordination(mae_mev),
        "by_trajectory": make_trajectories(mae_mev, fold), "features_s": 1.0, "fit_s": n_train / 100, "predict_s": 0.4,
        "peak_memory_mib": 500.0, "hardware": HARDWARE, "versions": {"numpy": "2.4.6", "python": "3.11.2"},
    }  # fmt: skip
    return Result(**{**fields, **changes})


def make_coordination(mae_mev: float) -> list[CoordinationError]:
    """Return errors of two-, three- and four-fold atoms around a MAE [meV]."""
    shares = ((2, 400, 2.0), (3, 2400, 0.9), (4, 1200, 0.87))
    return [CoordinationError(coordination=number, n=n, mae_mev=factor * mae_mev) for number, n, factor in shares]


def make_trajectories(mae_mev: float, fold: int, spread: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)) -> TrajectoryErrors:
    """Return error sums of a fold's own trajectories, 1,000 environments each."""
    maes = [factor * mae_mev / 1000 for factor in spread]
    ids = [100 * fold + place for place in range(len(maes))]
    return TrajectoryErrors(
        trajectory_id=ids, n=[1000] * len(ids), sum_abs_ev=[1000 * mae for mae in maes], sum_sq_ev2=[1500 * mae**2 for mae in maes]
    )


def make_curve_results(model: str, maes: dict[int, float], *, folds: Iterable[int] = range(5), **changes: Any) -> list[Result]:
    """Return a learning curve: one result per size and fold, fold `k` being ``k`` % worse than fold 0."""
    return [
        make_result(model, n_train=n, fold=fold, mae_mev=mae * (1 + 0.01 * fold), **changes) for n, mae in maes.items() for fold in folds
    ]


def write_folder(folder: Path, results: Iterable[Result]) -> Path:
    """Write results as a folder that `read_results` takes, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_results(folder / "all.jsonl", results)
    return folder
