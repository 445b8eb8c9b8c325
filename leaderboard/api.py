"""The results for programs: one JSON document and one flat CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from leaderboard.table import RULE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.results import Result
    from leaderboard.table import Entry, Ranking

API_VERSION = 1
COLUMNS = (
    "model", "model_path", "release", "version", "digest", "teacher", "track", "fold", "n_train", "seed", "n_test",
    "mae_mev", "rmse_mev", "features_s", "fit_s", "predict_s", "predict_us_per_environment", "peak_memory_mib",
    "cpu", "cores", "memory_gib", "platform", "options", "versions", "description",
)  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_json(rankings: Sequence[Ranking]) -> str:
    """Return rankings and results as JSON; the error sums per trajectory stay in the submitted files (they are large)."""
    document = {
        "api_version": API_VERSION,
        "rule": RULE,
        "rankings": [_describe_ranking(ranking) for ranking in rankings],
        "results": [json.loads(result.model_dump_json(exclude={"by_trajectory"})) for result in _all_results(rankings)],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _describe_ranking(ranking: Ranking) -> dict[str, Any]:
    return {
        "release": ranking.release.model_dump(),
        "track": ranking.track,
        "sizes": ranking.sizes,
        "folds": ranking.folds,
        "entries": [_describe_entry(entry) for entry in ranking.entries],
    }


def _describe_entry(entry: Entry) -> dict[str, Any]:
    cells = [None if cell is None else asdict(cell) for cell in entry.cells]
    return {"rank": entry.rank, "model": entry.model, "ranked_at": entry.ranked_at and entry.ranked_at.n_train, "cells": cells}


def write_csv(rankings: Sequence[Ranking]) -> str:
    """Return one row per result; text that a spreadsheet would run as a formula gets an apostrophe in front."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([defuse(value) for value in _flatten(result)] for result in _all_results(rankings))
    return text.getvalue()


def _all_results(rankings: Sequence[Ranking]) -> list[Result]:
    return [result for ranking in rankings for entry in ranking.entries for result in entry.results]


def _flatten(result: Result) -> tuple[object, ...]:
    release, machine = result.release, result.hardware
    return (
        result.model, result.model_path, release.name, release.version, release.digest, release.teacher, result.track,
        result.fold, result.n_train, result.seed, result.n_test, result.mae_mev, result.rmse_mev, result.features_s,
        result.fit_s, result.predict_s, 1e6 * result.predict_s / result.n_test, result.peak_memory_mib,
        machine.cpu, machine.cores, machine.memory_gib, machine.platform,
        json.dumps(result.options, sort_keys=True), json.dumps(result.versions, sort_keys=True), result.description,
    )  # fmt: skip


def defuse(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula; numbers pass unchanged.

    Examples
    --------
    >>> defuse("=HYPERLINK(0)"), defuse("  @x"), defuse(-1.5), defuse("ridge")
    ("'=HYPERLINK(0)", "'  @x", -1.5, 'ridge')
    """
    if isinstance(value, str) and (value.startswith(FORMULA_STARTS) or value.lstrip().startswith(FORMULA_STARTS)):
        return "'" + value
    return value
