"""SynthAtoms: how does a model of atomic energies learn as data grows?

The command line: one group of commands per package, and the demo that joins them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import benchmark.cli
import dataset_builder.cli
import leaderboard.cli
from dataset_builder.errors import InputError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__)
app.add_typer(dataset_builder.cli.app, name="dataset")
app.add_typer(benchmark.cli.app, name="bench")
app.add_typer(leaderboard.cli.app, name="site")

# The demo's models. The network gets a shorter schedule than by default, to stay within minutes; results say so.
DEMO_MODELS: dict[str, dict[str, str | int | float | bool]] = {
    "mean": {},
    "sparse_gpr": {},
    "neural_network": {"max_steps": 1_000},
}
DEMO_FOLDS = [0, 1, 2]
INTERRUPTED = 130  # what Typer, like a shell, makes of Ctrl-C


@app.command(epilog="Example: synthatoms demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything; an interrupted demo is finished by the same command.")] = Path("demo"),
) -> None:
    """Make a small dataset, train three models on it, and build their leaderboard: the whole path in minutes."""
    from rich.console import Console

    from benchmark.model import find_model
    from benchmark.results import read_results
    from benchmark.runner import run_model
    from benchmark.scoring import score_predictions
    from benchmark.tasks import list_tasks, read_track
    from dataset_builder.console import show_progress
    from dataset_builder.make.build import build_release
    from dataset_builder.make.recipe import find_recipe
    from dataset_builder.release.reader import open_release
    from leaderboard.build import build_site
    from leaderboard.table import format_table, rank_results

    with show_progress() as progress:
        release = open_release(build_release(find_recipe("demo"), out / "release", progress=progress))
        tasks = list_tasks(release, read_track("local-energy"), sizes=None, folds=DEMO_FOLDS, seed=0)
        for name, options in DEMO_MODELS.items():
            run_model(find_model(name), options, release, tasks, out / "predictions" / name, redo=True, progress=progress)
            (out / "results" / f"{name}.jsonl").unlink(missing_ok=True)  # may be of an older version of the model
            score_predictions(out / "predictions" / name, release, out / "results")
        progress("Leaderboard", 0, 1)
        index = build_site([out / "results"], out / "site")
        progress("Leaderboard", 1, 1)
    console = Console()
    for ranking in rank_results(read_results([out / "results"])):
        console.print(format_table(ranking))
    print(f"Release digest: {release.manifest.digest}")
    print(f"Leaderboard:    {index.as_uri()}\nTo serve it:    synthatoms site serve {out / 'site'}")


def main() -> None:
    """Run the command line. Bad input ends in one line and exit code 2; Ctrl-C in one line and 130."""
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        _stop(str(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except OSError as error:
        _stop(f"{error.filename}: expected a path that can be read or written, got {error.strerror}; choose another", 2)
    except Exception as error:
        message = getattr(error, "format_message", None)  # a wrong command or option, found by Typer
        if message is None:
            raise
        if not message():  # help was asked for by giving no command
            sys.exit(2)
        _stop(f"{message().rstrip('.')}; see `synthatoms --help`", 2)
    if code == INTERRUPTED:
        _stop("stopped; the same command goes on from here", INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _stop(message: str, code: int) -> None:
    print(f"synthatoms: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
