"""``synthatoms bench``: run models on tasks, and score what they predicted."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.errors import ModelError, TaskError
from dataset_builder.console import JSON_HELP, report_outcome, show_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(no_args_is_help=True, help="Run models on tasks, and score their predictions.")
AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
ReleaseFolder = Annotated[Path, typer.Option(help="A release folder.")]


@app.command(
    epilog="Example: synthatoms bench run --model sparse_gpr --release releases/demo --sizes 100,310 --folds 0,1 --out predictions/sparse_gpr"
)
def run(
    model: Annotated[str, typer.Option(help="A registered model's name, or package.module:Class (the current folder is searched).")],
    release: ReleaseFolder,
    out: Annotated[Path, typer.Option(help="Folder of this model's predictions. Tasks already there are not run again.")],
    track: Annotated[str, typer.Option(help="Which set of tasks.")] = "local-energy",
    sizes: Annotated[str | None, typer.Option(help="Training-set sizes, as 100,310,1000; default all that the release can fill.")] = None,
    folds: Annotated[str | None, typer.Option(help="Folds, as 0,1; default all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random in the model.")] = 0,
    option: Annotated[list[str] | None, typer.Option(help="A model option, as n_sparse=500; may be repeated.")] = None,
    name: Annotated[str | None, typer.Option(help="Name on the leaderboard; default the model's own.")] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Replace predictions of other code, options or another release.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fit a model on each task and write its predictions, one file a task."""
    from benchmark.model import find_model
    from benchmark.runner import run_model
    from benchmark.tasks import list_tasks, read_track
    from dataset_builder.release.reader import open_release

    opened = open_release(release)
    tasks = list_tasks(opened, read_track(track), sizes=_integers("--sizes", sizes), folds=_integers("--folds", folds), seed=seed)
    source = find_model(model)
    source = replace(source, name=name) if name else source
    with show_progress() as progress:
        paths = run_model(source, parse_options(option or []), opened, tasks, out, redo=redo, progress=progress)
    report_outcome(out, as_json=as_json, files=len(paths))


@app.command(epilog="Example: synthatoms bench score predictions/sparse_gpr --release releases/demo --out results")
def score(
    predictions: Annotated[Path, typer.Argument(help="Folder of one model's predictions.")],
    release: ReleaseFolder,
    out: Annotated[Path, typer.Option(help="Folder for the results file.")],
    as_json: AsJson = False,
) -> None:
    """Score predictions against the release's labels and write the results."""
    from benchmark.results import read_file
    from benchmark.scoring import score_predictions
    from dataset_builder.release.reader import open_release

    path = score_predictions(predictions, open_release(release), out)
    results = read_file(path)
    report_outcome(
        path, as_json=as_json, results=len(results), mae_mev={f"N={r.n_train} fold {r.fold}": round(r.mae_mev, 2) for r in results}
    )


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Return ``name=value`` pairs as a dictionary; values are TOML, and plain words are strings.

    Examples
    --------
    >>> parse_options(["n_sparse=500", "noise=0.01", "kind=random"])
    {'n_sparse': 500, 'noise': 0.01, 'kind': 'random'}
    """
    return dict(_parse_option(pair) for pair in pairs)


def _parse_option(pair: str) -> tuple[str, Any]:
    name, equals, value = pair.partition("=")
    if not equals or not name.isidentifier():
        raise ModelError(f"--option {pair}", expected="name=value", got=pair, remedy="write it as --option n_sparse=500")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    if not isinstance(parsed, str | int | float | bool):
        raise ModelError(f"--option {pair}", expected="a number, a word, true or false", got=value, remedy="give a single value")
    return name, parsed


def _integers(flag: str, text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.replace(",", " ").split()]
        return numbers or [int(text)]
    except ValueError as error:
        raise TaskError(flag, expected="whole numbers separated by commas", got=repr(text), remedy=f"write it as {flag} 100,310") from error
