"""Learning curves: their numbers, and the figure that Plotly draws from them in the reader's browser.

A line is the mean over folds, its band runs from the lowest to the highest fold. Where a size was not run the line is
broken. The curves published in 2022 come from another dataset: an overlay in grey, off until asked for, never ranked.
"""

from __future__ import annotations

import csv
import html
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from leaderboard.formats import format_size, shorten

if TYPE_CHECKING:
    from leaderboard.cells import Cell
    from leaderboard.table import Entry, Ranking

# Okabe & Ito 2008, without yellow (too pale on white) and black (invisible on black).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "x")
DASHES = ("solid", "dash", "dot", "dashdot")
GREY = "#8a8f98"
SHOWN_AT_FIRST = 8  # more lines than this cannot be told apart; the rest wait in the legend
HOVER = "<b>%{fullData.name}</b><br>N = %{x:,}<br>MAE %{y:.1f} meV<br>"
PUBLISHED_LABEL = "published 2022, another dataset (C-GAP-17 labels)"


@dataclass(frozen=True)
class Curve:
    """MAE against training size; None where nothing was scored [meV].

    Attributes
    ----------
    n_train
        Training environments, ascending.
    mae_mev, low_mev, high_mev
        Mean, lowest and highest fold, one per size.
    """

    label: str
    n_train: tuple[int, ...]
    mae_mev: tuple[float | None, ...]
    low_mev: tuple[float | None, ...]
    high_mev: tuple[float | None, ...]

    def runs(self) -> list[list[tuple[int, float, float, float]]]:
        """Return the unbroken stretches, each a list of ``(n_train, mae, low, high)``."""
        points = list(zip(self.n_train, self.mae_mev, self.low_mev, self.high_mev, strict=True))
        grouped = groupby(points, key=lambda point: point[1] is not None)
        return [[(n, mae or 0.0, low or 0.0, high or 0.0) for n, mae, low, high in run] for exists, run in grouped if exists]


@dataclass(frozen=True)
class Style:
    """How a line is told from the others, in colour and without."""

    colour: str
    symbol: str
    dash: str


def pick_style(place: int) -> Style:
    """Return the style of the line at a place in the ranking, from 0; the first 42 pairs of colour and marker differ."""
    return Style(COLOURS[place % len(COLOURS)], SYMBOLS[place % len(SYMBOLS)], DASHES[place // len(COLOURS) % len(DASHES)])


def make_curve(entry: Entry, sizes: tuple[int, ...]) -> Curve:
    """Return the learning curve of one entry, with a gap (None) at each size it lacks."""

    def column(value: Any) -> tuple[float | None, ...]:
        return tuple(None if cell is None else value(cell) for cell in entry.cells)

    return Curve(entry.model, sizes, column(lambda cell: cell.mae_mev), column(_lowest), column(_highest))


def _lowest(cell: Cell) -> float:
    return min(mae for _, mae in cell.fold_maes)


def _highest(cell: Cell) -> float:
    return max(mae for _, mae in cell.fold_maes)


def read_published_curves() -> list[Curve]:
    """Return the curves published in 2022 (see `reference/README.md`); where there is no deviation the band is the line."""
    text = files("leaderboard").joinpath("reference/gardner2022.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return [_published_curve(label, list(group)) for label, group in groupby(rows, key=lambda row: row["curve"])]


def _published_curve(label: str, rows: list[dict[str, str]]) -> Curve:
    maes = [float(row["mae_mev"]) for row in rows]
    deviations = [float(row["mae_sd_mev"] or 0) for row in rows]
    low, high = ([mae + sign * sd for mae, sd in zip(maes, deviations, strict=True)] for sign in (-1, 1))
    return Curve(label, tuple(int(row["n_train"]) for row in rows), tuple(maes), tuple(low), tuple(high))


def draw_figure(ranking: Ranking, *, only: str | None = None) -> dict[str, Any]:
    """Return the learning curves of a ranking as Plotly figure JSON.

    Parameters
    ----------
    ranking
        Gives the curves, their order and their styles.
    only
        Name of the one model to draw; all if None. It keeps the style of its place in the ranking.

    Returns
    -------
    ``data``, ``layout``, ``config`` and ``narrow``: the layout for a narrow screen.
    """
    data = []
    for place, entry in enumerate(ranking.entries):
        if only in {None, entry.model}:
            visible = True if place < SHOWN_AT_FIRST or only else "legendonly"
            data += _model_traces(make_curve(entry, ranking.sizes), pick_style(place), f"model-{place}", visible)
    for place, curve in enumerate(read_published_curves()):
        data.append(_published_trace(curve, place))
    return {"data": data, "layout": _layout(ranking.sizes), "narrow": _narrow_layout(ranking.sizes), "config": _config()}


def _model_traces(curve: Curve, style: Style, group: str, visible: bool | str) -> list[dict[str, Any]]:
    return [_band_trace(curve, style, group, visible), _line_trace(curve, style, group, visible)]


def _band_trace(curve: Curve, style: Style, group: str, visible: bool | str) -> dict[str, Any]:
    x: list[int | None] = []
    y: list[float | None] = []
    for run in curve.runs():
        x += [n for n, *_ in run] + [n for n, *_ in reversed(run)] + [None]
        y += [high for *_, high in run] + [low for _, _, low, _ in reversed(run)] + [None]
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "fill": "toself", "fillcolor": style.colour, "opacity": 0.18,
        "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "legendgroup": group, "visible": visible,
    }  # fmt: skip


def _line_trace(curve: Curve, style: Style, group: str, visible: bool | str) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines+markers", "name": _safe_label(curve.label), "x": curve.n_train, "y": curve.mae_mev,
        "connectgaps": False, "legendgroup": group, "visible": visible,
        "line": {"color": style.colour, "dash": style.dash, "width": 2}, "marker": {"symbol": style.symbol, "size": 8},
        "customdata": list(zip(curve.low_mev, curve.high_mev, strict=True)),
        "hovertemplate": HOVER + "folds %{customdata[0]:.1f} to %{customdata[1]:.1f}<extra></extra>",
    }  # fmt: skip


def _published_trace(curve: Curve, place: int) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "name": _safe_label(curve.label), "x": curve.n_train, "y": curve.mae_mev,
        "legendgroup": "published", "legendgrouptitle": {"text": "Published 2022, another dataset<br>(C-GAP-17 labels), not ranked"},
        "visible": "legendonly", "line": {"color": GREY, "dash": ("dash", "dot", "dashdot", "longdash")[place % 4], "width": 1.5},
        "hovertemplate": HOVER + PUBLISHED_LABEL + "<extra></extra>",
    }  # fmt: skip


def _safe_label(label: str) -> str:
    """Plotly reads a little HTML in its texts; a label is data, so its markup is shown as written."""
    return html.escape(shorten(label, 30), quote=False)


def _layout(sizes: tuple[int, ...]) -> dict[str, Any]:
    axis = {"type": "log", "ticks": "outside", "ticklen": 4, "zeroline": False, "automargin": True}
    ticks = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5)]
    return {
        "xaxis": {**axis, "title": {"text": "training environments N"}, "tickvals": sizes, "ticktext": [format_size(n) for n in sizes]},
        "yaxis": {**axis, "title": {"text": "MAE against the teacher [meV]"}, "tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]},
        "height": 520, "margin": {"l": 60, "r": 10, "t": 20, "b": 50}, "hovermode": "closest", "dragmode": "pan",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"family": "system-ui, sans-serif", "size": 13},
        "hoverlabel": {"font": {"family": "system-ui, sans-serif"}},
        "legend": {"groupclick": "togglegroup", "tracegroupgap": 4, "itemwidth": 40, "bgcolor": "rgba(0,0,0,0)"},
    }  # fmt: skip


def _narrow_layout(sizes: tuple[int, ...]) -> dict[str, Any]:
    """The same on a phone: legend below, fewer ticks, and a finger on the plot scrolls the page."""
    wide, decades = _layout(sizes), [10**power for power in range(8)]
    return {
        **wide, "height": 640, "dragmode": False, "margin": {"l": 45, "r": 5, "t": 10, "b": 10},
        "font": {**wide["font"], "size": 12}, "legend": {**wide["legend"], "orientation": "h", "y": -0.2, "x": 0},
        "xaxis": {**wide["xaxis"], "tickvals": decades, "ticktext": [format_size(n) for n in decades]},
    }  # fmt: skip


def _config() -> dict[str, Any]:
    """Name the buttons one by one: none that would send the figure anywhere."""
    buttons = [["toImage", "zoom2d", "pan2d", "resetScale2d"]]
    return {"responsive": True, "displaylogo": False, "modeBarButtons": buttons}
