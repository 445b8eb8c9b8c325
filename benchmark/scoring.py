"""Score predictions against the release's labels: the step that needs no model and trusts no number in a file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import PredictionsError
from benchmark.metrics import error_sums, mae_by_group, mae_mev, rmse_mev
from benchmark.predictions import Predictions, read_predictions, read_run
from benchmark.results import CoordinationError, Result, TrajectoryErrors, read_file, write_results
from benchmark.runner import reference
from benchmark.tasks import HeldOut, held_out

if TYPE_CHECKING:
    from pathlib import Path

    from dataset_builder.release.reader import Release


def score_predictions(folder: Path, release: Release, out: Path) -> Path:
    """Score every predictions file in a folder and write the results.

    Parameters
    ----------
    folder
        One model's predictions, as `bench run` writes them.
    out
        Folder for ``<name of folder>.jsonl``; made if missing.

    Returns
    -------
    The results file.

    Raises
    ------
    PredictionsError
        If there are none, or one is damaged, incomplete, or made on another release.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise PredictionsError(
            str(folder),
            expected="a folder with predictions (*.parquet)",
            got="none" if folder.is_dir() else "no such folder",
            remedy="run `synthatoms bench run` first",
        )
    scorer = _Scorer(release)
    _check_one_run(paths)
    results = [scorer.score(path) for path in paths]
    results.sort(key=lambda result: (result.n_train, result.fold, result.seed))
    target = out / f"{folder.resolve().name}.jsonl"
    _check_replaceable(target, results[0])
    out.mkdir(parents=True, exist_ok=True)
    write_results(target, results)
    return target


def _check_one_run(paths: list[Path]) -> None:
    """Refuse a folder with predictions of several models, or of one task twice."""
    first = read_run(paths[0]).identity
    tasks: dict[tuple[int, int, int], Path] = {}
    for path in paths:
        run = read_run(path)
        if run.identity != first:
            raise PredictionsError(
                str(path),
                expected=f"predictions of the same run as {paths[0].name}",
                got=f"another ({run.identity.model})",
                remedy="keep each model, and each set of options, in a folder of its own",
            )
        other = tasks.setdefault((run.fold, run.n_train, run.seed), path)
        if other != path:
            raise PredictionsError(
                str(path), expected="each task once", got=f"the task of {other.name} again", remedy="delete one of the two"
            )


def _check_replaceable(target: Path, result: Result) -> None:
    """Refuse to overwrite the results of something else."""
    if not target.exists():
        return
    old = read_file(target)
    named = ("model", "model_path", "options", "release", "track")
    if old and any(getattr(old[0], name) != getattr(result, name) for name in named):
        raise PredictionsError(
            str(target),
            expected="older results of the same model, or none",
            got=f"results of {old[0].model} with other options or on another release",
            remedy="choose another --out, or rename the folder of predictions",
        )


class _Scorer:
    """Keeps each fold's test set and coordination numbers while a folder is scored."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._held_out = cache(lambda fold: held_out(release, fold))
        self._coordination = cache(self._coordination_numbers)

    def score(self, path: Path) -> Result:
        predictions = read_predictions(path)
        test = self._test_of(path, predictions)
        _check_rows(path, predictions, test)
        errors = predictions.energy - test.environments.labels
        run = predictions.run
        return Result(
            **{name: getattr(run.identity, name) for name in type(run.identity).model_fields if name in Result.model_fields},
            **{name: getattr(run, name) for name in type(run).model_fields if name != "identity"},
            n_test=len(errors),
            mae_mev=mae_mev(errors),
            rmse_mev=rmse_mev(errors),
            by_coordination=[
                CoordinationError(coordination=c, n=n, mae_mev=mae) for c, n, mae in mae_by_group(errors, self._coordination(run.fold))
            ],
            by_trajectory=_trajectory_errors(errors, test),
        )

    def _test_of(self, path: Path, predictions: Predictions) -> HeldOut:
        run, expected = predictions.run, reference(self._release)
        if run.identity.release.digest != expected.digest:
            raise PredictionsError(
                str(path),
                expected=f"predictions for release digest {expected.digest[:12]}…",
                got=f"{run.identity.release.name} {run.identity.release.digest[:12]}…",
                remedy="score with the release they were made on",
            )
        if run.fold not in self._release.folds:
            raise PredictionsError(
                str(path),
                expected=f"a fold from {min(self._release.folds)} to {max(self._release.folds)}",
                got=run.fold,
                remedy="run the model on a fold of this release",
            )
        test: HeldOut = self._held_out(run.fold)
        return test

    def _coordination_numbers(self, fold: int) -> np.ndarray:
        environments = self._held_out(fold).environments
        cutoff = self._release.manifest.coordination_cutoff
        return np.concatenate([structure.coordination_numbers(cutoff) for structure in environments.structures])


def _check_rows(path: Path, predictions: Predictions, test: HeldOut) -> None:
    n = len(test.structure_id)
    if len(predictions.energy) != n:
        raise PredictionsError(
            str(path),
            expected=f"{n} rows, one for each test environment",
            got=len(predictions.energy),
            remedy="predict every environment of the fold once",
        )
    wrong = (predictions.structure_id != test.structure_id) | (predictions.atom_index != test.environments.atom_index)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        expected = f"structure {test.structure_id[row]}, atom {test.environments.atom_index[row]}"
        raise PredictionsError(
            f"{path}, row {row}",
            expected=expected,
            got=f"structure {predictions.structure_id[row]}, atom {predictions.atom_index[row]}",
            remedy="keep rows in the order of structure_id and atom_index",
        )
    finite = np.isfinite(predictions.energy)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise PredictionsError(
            f"{path}, row {row}, energy", expected="a finite number", got=predictions.energy[row], remedy="mend the model and run it again"
        )


def _trajectory_errors(errors: np.ndarray, test: HeldOut) -> TrajectoryErrors:
    trajectory, n, absolute, squared = error_sums(errors, test.trajectory_id)
    return TrajectoryErrors(trajectory_id=trajectory.tolist(), n=n.tolist(), sum_abs_ev=absolute.tolist(), sum_sq_ev2=squared.tolist())
