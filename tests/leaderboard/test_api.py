"""Results for programs."""

from __future__ import annotations

import csv
import io
import json

import pytest

from leaderboard.api import COLUMNS, defuse, write_csv, write_json
from leaderboard.table import rank_results
from tests.leaderboard.factory import make_curve_results, make_result


def test_json_has_rankings_and_every_result():
    results = make_curve_results("a", {100: 9, 310: 5}) + make_curve_results("b", {100: 8})
    document = json.loads(write_json(rank_results(results)))
    assert [entry["model"] for entry in document["rankings"][0]["entries"]] == ["a", "b"]
    assert document["rankings"][0]["entries"][1]["cells"][1] is None
    assert len(document["results"]) == 15
    assert "by_trajectory" not in document["results"][0]


def test_json_stays_valid_with_an_infinite_option():
    document = json.loads(write_json(rank_results([make_result(options={"cutoff": float("inf")})])), parse_constant=pytest.fail)
    assert document["results"][0]["options"] == {"cutoff": None}


def test_csv_has_one_row_per_result_with_release_digest():
    rows = list(csv.DictReader(io.StringIO(write_csv(rank_results(make_curve_results("a", {100: 9}))))))
    assert len(rows) == 5
    assert tuple(rows[0]) == COLUMNS
    assert (rows[1]["model"], rows[1]["fold"], float(rows[1]["mae_mev"]), rows[1]["digest"]) == ("a", "1", pytest.approx(9.09), "a1" * 32)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝"])
def test_csv_formulas_are_neutralised(start):
    hostile = start + "cmd|' /C calc'!A0"
    text = write_csv(rank_results([make_result(hostile, description=hostile)]))
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["model"] == row["description"] == "'" + hostile


def test_numbers_are_not_touched():
    assert [defuse(value) for value in (-1.5, 3, "plain")] == [-1.5, 3, "plain"]
