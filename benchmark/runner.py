"""Run a model on tasks and write its predictions, one file a task; finished tasks are not run again."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from benchmark.errors import ModelError, PredictionsError
from benchmark.machine import describe_hardware, describe_versions, peak_memory_mib, reset_peak_memory
from benchmark.model import ModelSource, Option, Prediction, check_prediction
from benchmark.predictions import RunIdentity, TaskRun, read_run, write_predictions
from benchmark.results import ReleaseReference
from benchmark.tasks import HeldOut, Task, held_out, train_set

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmark.environments import Environments
    from dataset_builder.release.reader import Release

Progress = Callable[[str, int, int], None]
T = TypeVar("T")


def run_model(
    source: ModelSource,
    options: dict[str, Option],
    release: Release,
    tasks: Sequence[Task],
    out: Path,
    *,
    redo: bool = False,
    progress: Progress = lambda *_: None,
) -> list[Path]:
    """Fit and predict each task, writing ``<out>/<task>.parquet``.

    Parameters
    ----------
    source, options
        The model, and the keyword options of its constructor.
    out
        Folder of one model's predictions; made if missing. Tasks already there are kept.
    redo
        Whether to delete predictions of other code, options or another release, instead of refusing the folder.
    progress
        Called with the model's name, tasks done, tasks in all.

    Returns
    -------
    The files of all tasks, in their order.

    Raises
    ------
    ModelError
        If the model fails, or predicts something that is not one finite energy per environment.
    PredictionsError
        If the folder holds predictions of another model, release, options or code.
    """
    source.make(options)  # a wrong option fails before anything is read
    identity = _identity(source, options, release, tasks)
    out.mkdir(parents=True, exist_ok=True)
    _check_folder(out, identity, redo=redo)
    test_of = cache(lambda fold: held_out(release, fold))
    paths = [out / f"{task}.parquet" for task in tasks]
    for done, (task, path) in enumerate(zip(tasks, paths, strict=True)):
        progress(source.name, done, len(tasks))
        if not path.exists():
            model = source.make(options)
            run, prediction = _run_task(model, identity, train_set(release, task), test_of(task.fold), task)
            write_predictions(path, run, test_of(task.fold), prediction)
    progress(source.name, len(tasks), len(tasks))
    return paths


def reference(release: Release) -> ReleaseReference:
    """Return the release as results name it."""
    manifest = release.manifest
    return ReleaseReference(name=manifest.name, version=manifest.version, digest=manifest.digest, teacher=manifest.teacher.name)


def _identity(source: ModelSource, options: dict[str, Option], release: Release, tasks: Sequence[Task]) -> RunIdentity:
    return RunIdentity(
        model=source.name,
        model_path=source.path,
        description=source.description,
        options=source.settings(options),
        code_sha256=source.code_digest(),
        release=reference(release),
        track=tasks[0].track,
    )


def _check_folder(out: Path, identity: RunIdentity, *, redo: bool) -> None:
    for path in sorted(out.glob("*.parquet")):
        found = read_run(path).identity
        if found == identity:
            continue
        if redo:
            path.unlink()
            continue
        differs = next(name for name in RunIdentity.model_fields if getattr(found, name) != getattr(identity, name))
        raise PredictionsError(
            str(path),
            expected=f"{differs} {getattr(identity, differs)}",
            got=getattr(found, differs),
            remedy="choose another --out, or add --redo to replace such files",
        )


def _run_task(model: object, identity: RunIdentity, train: Environments, test: HeldOut, task: Task) -> tuple[TaskRun, Prediction]:
    unlabelled = test.environments.without_labels()
    reset_peak_memory()
    try:
        prepare_train_s, _ = _timed(lambda: _prepare(model, train.without_labels()))
        fit_s, _ = _timed(lambda: model.fit(train, seed=task.seed))  # type: ignore[attr-defined]
        prepare_test_s, _ = _timed(lambda: _prepare(model, unlabelled))
        predict_s, prediction = _timed(lambda: model.predict(unlabelled))  # type: ignore[attr-defined]
    except ModelError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        got = f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno})"
        raise ModelError(
            f"{identity.model_path} on {task}", expected="a model that fits and predicts", got=got, remedy="mend the model"
        ) from error
    check_prediction(prediction, len(test.structure_id), identity.model_path)
    run = TaskRun(
        identity=identity,
        fold=task.fold,
        n_train=task.n_train,
        seed=task.seed,
        features_s=prepare_train_s + prepare_test_s,
        fit_s=fit_s,
        predict_s=predict_s,
        peak_memory_mib=peak_memory_mib(),
        hardware=describe_hardware(),
        versions=describe_versions(),
    )
    return run, prediction


def _prepare(model: object, environments: Environments) -> None:
    prepare = getattr(model, "prepare", None)
    if prepare is not None:
        prepare(environments)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    outcome = work()
    return time.perf_counter() - start, outcome
