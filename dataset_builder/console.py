"""What every command prints: progress with time left while it works, and at the end what it wrote and where."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JSON_HELP = "Print the outcome as one JSON object, for programs."


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function ``(stage, done, total)`` that keeps one line a stage on the standard error stream.

    Where that is no terminal, each stage is printed once when it is complete.
    """
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        stages: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total)
            bars.update(stages[stage], completed=done)
            if done == total and not console.is_terminal:
                console.print(f"{stage}: {done}/{total}", highlight=False)

        yield report


def report_outcome(path: Path, *, as_json: bool, **facts: object) -> None:
    """Print what a command wrote and where, with a few facts: for people, or as JSON for programs."""
    if as_json:
        print(json.dumps({"path": str(path), **facts}))
        return
    details = "".join(f"\n  {name.replace('_', ' ')}: {value}" for name, value in facts.items())
    print(f"Wrote {path}{details}")
