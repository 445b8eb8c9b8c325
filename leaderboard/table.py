"""From scored results to rankings: one pure function, with the rules for gaps and partial entries written down.

1. One ranking per release digest and track. Results of different releases never share a table.
2. A size counts for a model when it was scored on every fold that any model of that ranking was scored on
   (*complete*). Other sizes are shown, marked, and do not count.
3. Models are ordered by the largest size that counts, then by the MAE there. A model without one is listed last,
   unranked.
4. What was not run is a gap (`None`); nothing is imputed, inter- or extrapolated.
5. Several seeds of one task are averaged inside their fold first, then folds are averaged.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leaderboard.cells import make_cell
from leaderboard.errors import RankingError
from leaderboard.formats import GAP, format_mev, format_size, make_printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from benchmark.results import ReleaseReference, Result
    from leaderboard.cells import Cell

RULE = (
    "Models are ranked by the largest training size at which they were scored on every fold; models that reached the "
    "same size are ordered by their MAE there. Sizes scored on some folds only are shown and marked, and do not count."
)


@dataclass(frozen=True)
class Entry:
    """One model in a ranking.

    Attributes
    ----------
    rank
        From 1; equal scores share a rank; None if no size counts.
    cells
        One per size of the ranking, None where nothing was scored.
    ranked_at
        The cell that gave the rank.
    results
        What the cells were made from, by size, fold and seed.
    """

    rank: int | None
    model: str
    cells: tuple[Cell | None, ...]
    ranked_at: Cell | None
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Ranking:
    """All models scored on one track of one release, best first; `sizes` and `folds` are all that any model has."""

    release: ReleaseReference
    track: str
    sizes: tuple[int, ...]
    folds: tuple[int, ...]
    entries: tuple[Entry, ...]


def rank_results(results: Iterable[Result]) -> list[Ranking]:
    """Return one ranking per release digest and track, newest version of a release first.

    Parameters
    ----------
    results
        In any order; the order does not change the answer. A result given twice counts once.

    Raises
    ------
    RankingError
        If two different results claim the same task, or one digest stands for two releases.
    """
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in _drop_repeats(results):
        groups[result.release.digest, result.track].append(result)
    rankings = sorted((_rank_group(group) for group in groups.values()), key=lambda r: (r.track, r.release.digest))
    rankings.sort(key=lambda ranking: _version_key(ranking.release.version), reverse=True)
    return sorted(rankings, key=lambda ranking: ranking.release.name)


def _version_key(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]{1,9}", version)]


def _task_key(result: Result) -> tuple[str, str, str, int, int, int]:
    return result.release.digest, result.track, result.model, result.n_train, result.fold, result.seed


def _drop_repeats(results: Iterable[Result]) -> list[Result]:
    first: dict[tuple[str, str, str, int, int, int], Result] = {}
    for result in results:
        if first.setdefault(_task_key(result), result) != result:
            task = f"{result.model!r} on {result.release.name}, track {result.track}, N = {result.n_train}, fold {result.fold}, seed {result.seed}"
            raise RankingError(
                task, expected="one result per task", got="two different ones", remedy="remove one, or give one model another name"
            )
    return [first[key] for key in sorted(first)]


def _rank_group(results: Sequence[Result]) -> Ranking:
    release = results[0].release
    for other in results:
        if other.release != release:
            raise RankingError(
                f"release digest {release.digest}",
                expected=f"{release}",
                got=f"{other.release} from {other.model!r}",
                remedy="score that model again on the release",
            )
    sizes, folds = (tuple(sorted(set(values))) for values in zip(*((r.n_train, r.fold) for r in results), strict=True))
    by_model: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_model[result.model].append(result)
    entries = [_make_entry(model, own, sizes, folds) for model, own in by_model.items()]
    return Ranking(release, results[0].track, sizes, folds, _number_entries(entries))


def _make_entry(model: str, results: Sequence[Result], sizes: tuple[int, ...], folds: tuple[int, ...]) -> Entry:
    by_size: dict[int, list[Result]] = defaultdict(list)
    for result in results:
        by_size[result.n_train].append(result)
    cells = tuple(make_cell(by_size[n], folds) if n in by_size else None for n in sizes)
    counting = [cell for cell in cells if cell is not None and cell.is_complete]
    return Entry(None, model, cells, counting[-1] if counting else None, tuple(results))


def _score(entry: Entry) -> tuple[float, float]:
    cell = entry.ranked_at
    return (-cell.n_train, cell.mae_mev) if cell else (0, 0)


def _number_entries(entries: list[Entry]) -> tuple[Entry, ...]:
    ordered = sorted(entries, key=lambda entry: (*_score(entry), entry.model))
    scores = [_score(entry) for entry in ordered]
    return tuple(
        replace(entry, rank=scores.index(score) + 1 if entry.ranked_at else None) for entry, score in zip(ordered, scores, strict=True)
    )


def format_table(ranking: Ranking) -> Table:
    """Return a ranking for the terminal: models by rows, training sizes by columns, MAE over folds [meV]."""
    from rich.table import Table
    from rich.text import Text

    release = ranking.release
    title = Text(make_printable(f"{release.name} {release.version}, {ranking.track}: MAE [meV] by training environments"))
    partial = any(cell is not None and not cell.is_complete for entry in ranking.entries for cell in entry.cells)
    caption = Text(f"* on some of the {len(ranking.folds)} folds only, does not count for the rank") if partial else None
    table = Table(title=title, caption=caption)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("model", overflow="fold")
    for size in ranking.sizes:
        table.add_column(format_size(size), justify="right", no_wrap=True)
    for entry in ranking.entries:
        table.add_row(str(entry.rank or GAP), Text(make_printable(entry.model)), *(_format_cell(cell) for cell in entry.cells))
    return table


def _format_cell(cell: Cell | None) -> str:
    if cell is None:
        return GAP
    return format_mev(cell.mae_mev) + ("" if cell.is_complete else "*")
