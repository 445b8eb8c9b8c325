"""Learning curves: numbers, gaps, the Plotly figure and the drawing."""

from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from leaderboard.curves import SHOWN_AT_FIRST, draw_figure, make_curve, pick_style, read_published_curves
from leaderboard.drawing import Scale, draw_curves
from leaderboard.table import rank_results
from tests.leaderboard.factory import make_curve_results


@pytest.fixture
def ranking():
    results = make_curve_results("whole", {100: 90, 310: 70, 1000: 50, 3100: 30}) + make_curve_results(
        "gappy", {100: 80, 1000: 45, 3100: 40}
    )
    return rank_results(results)[0]


def find_line(figure, name):
    return next(trace for trace in figure["data"] if trace.get("name") == name)


def test_curve_is_mean_with_band_from_lowest_to_highest_fold(ranking):
    curve = make_curve(ranking.entries[0], ranking.sizes)
    assert curve.mae_mev == pytest.approx((91.8, 71.4, 51.0, 30.6))
    assert (curve.low_mev[0], curve.high_mev[0]) == pytest.approx((90, 93.6))


def test_partial_curve_has_a_gap_in_line_band_and_drawing(ranking):
    figure = draw_figure(ranking, only="gappy")
    line = find_line(figure, "gappy")
    assert line["y"][1] is None
    assert line["connectgaps"] is False
    band = figure["data"][0]
    assert band["x"] == [100, 100, None, 1000, 3100, 3100, 1000, None]
    (drawn,) = draw_curves(ranking, only="gappy").lines
    assert drawn.path.count("M") == 2
    assert len(drawn.points) == 3


def test_figure_is_valid_plotly_and_json(ranking):
    figure = draw_figure(ranking)
    for layout in ("layout", "narrow"):
        go.Figure(data=figure["data"], layout=figure[layout])
    json.dumps(figure, allow_nan=False)


def test_only_the_best_lines_are_on_at_first():
    results = [result for place in range(SHOWN_AT_FIRST + 3) for result in make_curve_results(f"m{place:02}", {100: 10 + place})]
    ranking = rank_results(results)[0]
    shown = [trace["name"] for trace in draw_figure(ranking)["data"] if trace["visible"] is True and "name" in trace]
    assert shown == [f"m{place:02}" for place in range(SHOWN_AT_FIRST)]
    assert draw_curves(ranking).n_hidden == 3
    assert find_line(draw_figure(ranking, only="m10"), "m10")["visible"] is True


def test_published_curves_are_grey_off_and_labelled(ranking):
    published = [trace for trace in draw_figure(ranking)["data"] if trace["legendgroup"] == "published"]
    assert len(published) == 4
    for trace in published:
        assert trace["visible"] == "legendonly"
        assert trace["line"]["dash"] != "solid"
        assert "another dataset" in trace["legendgrouptitle"]["text"]
        assert "C-GAP-17" in trace["hovertemplate"]


def test_published_numbers_are_those_of_the_paper():
    curves = {curve.label: dict(zip(curve.n_train, curve.mae_mev, strict=True)) for curve in read_published_curves()}
    assert curves["Sparse GPR, M = 5,000"][1_000_000] == 24.04
    assert curves["Neural network, best fit"][1_000_000] == 22.12
    assert all(len(curve) == 9 for curve in curves.values())


def test_label_markup_is_shown_as_written(ranking):
    results = make_curve_results('<a href="//evil.example">x</a>', {100: 1})
    figure = draw_figure(rank_results(results)[0])
    assert find_line(figure, '&lt;a href="//evil.example"&gt;x&lt;/a&gt;')


def test_neighbouring_lines_differ_in_colour_and_marker():
    styles = [pick_style(place) for place in range(42)]
    assert len({(style.colour, style.symbol) for style in styles}) == 42


def test_drawing_survives_a_single_point_and_an_error_of_zero():
    (line,) = draw_curves(rank_results(make_curve_results("perfect", {100: 0.0}))[0]).lines
    assert len(line.points) == 1


def test_scale_is_logarithmic():
    scale = Scale(10, 1000, 0, 200)
    assert [scale.place(value) for value in (1, 10, 100, 1000)] == [0, 0, 100, 200]
