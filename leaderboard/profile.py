"""What a model's own page says: its settings, machines and errors by coordination number, gathered from its results."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from leaderboard.cells import describe_hardware

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leaderboard.table import Entry, Ranking


@dataclass(frozen=True)
class CoordinationRow:
    """MAE of the test environments with one coordination number [meV], one per size; None where there are none."""

    coordination: int
    maes_mev: tuple[float | None, ...]


@dataclass(frozen=True)
class Placing:
    """A model in one ranking."""

    ranking: Ranking
    entry: Entry
    coordination: tuple[CoordinationRow, ...]


@dataclass(frozen=True)
class Profile:
    """One model over all rankings. Each setting is `(name, every distinct value)`, in the order of the results."""

    model: str
    slug: str
    model_paths: tuple[str, ...]
    descriptions: tuple[str, ...]
    options: tuple[tuple[str, tuple[str, ...]], ...]
    versions: tuple[tuple[str, tuple[str, ...]], ...]
    hardware: tuple[str, ...]
    placings: tuple[Placing, ...]


def describe_models(rankings: Sequence[Ranking]) -> dict[str, Profile]:
    """Return a profile per model name, in alphabetical order."""
    placings: dict[str, list[Placing]] = defaultdict(list)
    for ranking in rankings:
        for entry in ranking.entries:
            placings[entry.model].append(Placing(ranking, entry, _split_by_coordination(entry, ranking.sizes)))
    slugs = make_slugs(placings)
    return {model: _describe_model(model, slugs[model], placings[model]) for model in sorted(placings)}


def _describe_model(model: str, slug: str, placings: list[Placing]) -> Profile:
    results = [result for placing in placings for result in placing.entry.results]
    return Profile(
        model=model,
        slug=slug,
        model_paths=_distinct(result.model_path for result in results),
        descriptions=_distinct(result.description for result in results),
        options=_gather_settings(result.options for result in results),
        versions=_gather_settings(result.versions for result in results),
        hardware=_distinct(f"{describe_hardware(result)}, {result.hardware.platform}" for result in results),
        placings=tuple(placings),
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _gather_settings(settings: Iterable[Mapping[str, object]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    values: dict[str, dict[str, None]] = defaultdict(dict)
    for each in settings:
        for name, value in each.items():
            values[name][str(value)] = None
    return tuple((name, tuple(values[name])) for name in sorted(values))


def _split_by_coordination(entry: Entry, sizes: tuple[int, ...]) -> tuple[CoordinationRow, ...]:
    """Pool folds and seeds: ``sum(n MAE) / sum(n)`` over the environments of one coordination number."""
    total: Counter[tuple[int, int]] = Counter()
    weighted: dict[tuple[int, int], float] = defaultdict(float)
    for result in entry.results:
        for error in result.by_coordination:
            total[error.coordination, result.n_train] += error.n
            weighted[error.coordination, result.n_train] += error.n * error.mae_mev
    maes = {key: weighted[key] / n for key, n in total.items() if n > 0}
    numbers = sorted({coordination for coordination, _ in maes})
    return tuple(CoordinationRow(number, tuple(maes.get((number, size)) for size in sizes)) for number in numbers)


def make_slugs(models: Iterable[str]) -> dict[str, str]:
    """Return a safe, unique file name stem for each model name.

    Only ``a-z 0-9 _ -`` remain, so no name leaves its folder. Names that would share a stem get a hash of the name,
    behind two hyphens, which no plain stem has.

    Examples
    --------
    >>> make_slugs(["Sparse GPR", "../../etc"])
    {'Sparse GPR': 'sparse-gpr', '../../etc': 'etc'}
    """
    plain = {model: _plain_slug(model) for model in models}
    uses = Counter(plain.values())
    return {model: slug if uses[slug] == 1 else f"{slug}--{sha256(model.encode()).hexdigest()[:12]}" for model, slug in plain.items()}


def _plain_slug(model: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", model).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", ascii_only).strip("-")[:60].strip("-") or "model"
