"""Run a model on tasks and write its predictions, one file a task; finished tasks are not run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from benchmark.errors import ModelError, PredictionsError
from benchmark.machine import describe_hardware, describe_versions, peak_memory_mib, reset_peak_memory
from benchmark.model import ModelSource, Option, check_prediction
from benchmark.predictions import RunIdentity, TaskRun, read_predictions, write_predictions
from benchmark.results import ReleaseReference
from benchmark.tasks import Task, held_out, train_set

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
    progress: Progress = lambda *_: None,
) -> list[Path]:
    """Fit and predict each task, writing ``<out>/<task>.parquet``.

    Parameters
    ----------
    source, options
        The model, and the keyword options of its constructor.
    out
        Folder of one model's predictions; made if missing. Tasks already there are kept.
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
        If the folder holds predictions of another model, release or options.
    """
    source.make(options)  # a wrong option fails before anything is read
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for done, task in enumerate(tasks):
        progress(source.name, done, len(tasks))
        path = out / f"{task}.parquet"
        _run_task(source, options, release, task, path)
        paths.append(path)
    progress(source.name, len(tasks), len(tasks))
    return paths


def reference(release: Release) -> ReleaseReference:
    """Return the release as results name it."""
    manifest = release.manifest
    return ReleaseReference(name=manifest.name, version=manifest.version, digest=manifest.digest, teacher=manifest.teacher.name)


def _run_task(source: ModelSource, options: dict[str, Option], release: Release, task: Task, path: Path) -> None:
    identity = RunIdentity(
        model=source.name,
        model_path=source.path,
        description=source.description,
        options=source.settings(options),
        release=reference(release),
        track=task.track,
        seed=task.seed,
    )
    if path.exists():
        _check_identity(path, identity)
        return
    train, test = train_set(release, task), held_out(release, task.fold)
    unlabelled = test.environments.without_labels()
    reset_peak_memory()
    model = source.make(options)
    try:
        prepare_s, _ = _timed(lambda: _prepare(model, train, unlabelled))
        fit_s, _ = _timed(lambda: model.fit(train, seed=task.seed))
        predict_s, prediction = _timed(lambda: model.predict(unlabelled))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{source.path} on {task}",
            expected="a model that fits and predicts",
            got=f"{type(error).__name__}: {error}",
            remedy="mend the model; the traceback stands above with --debug",
        ) from error
    check_prediction(prediction, len(test.structure_id), source.path)
    run = TaskRun(
        identity=identity,
        fold=task.fold,
        n_train=task.n_train,
        features_s=prepare_s,
        fit_s=fit_s,
        predict_s=predict_s,
        peak_memory_mib=peak_memory_mib(),
        hardware=describe_hardware(),
        versions=describe_versions(),
    )
    write_predictions(path, run, test, prediction)


def _prepare(model: object, train: Environments, test: Environments) -> None:
    prepare = getattr(model, "prepare", None)
    if prepare is not None:
        prepare(train.without_labels())
        prepare(test)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    outcome = work()
    return time.perf_counter() - start, outcome


def _check_identity(path: Path, identity: RunIdentity) -> None:
    found = read_predictions(path).run.identity
    if found != identity:
        differs = next(name for name in RunIdentity.model_fields if getattr(found, name) != getattr(identity, name))
        raise PredictionsError(
            str(path),
            expected=f"{differs} {getattr(identity, differs)}",
            got=getattr(found, differs),
            remedy="choose another --out, or delete the folder",
        )
