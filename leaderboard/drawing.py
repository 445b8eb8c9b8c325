"""The learning curves as a static SVG, for readers without JavaScript: coordinates here, markup in `templates/drawing.html`.

Drawn by hand and not by matplotlib: as part of the page it takes the page's fonts and its light or dark colours, every
label is escaped by the template, and a hundred of them take a tenth of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

from leaderboard.curves import SHOWN_AT_FIRST, Curve, Style, make_curve, pick_style
from leaderboard.formats import format_size, shorten

if TYPE_CHECKING:
    from leaderboard.table import Ranking

WIDTH, HEIGHT = 900.0, 480.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 660.0, 14.0, 425.0
DASH_ARRAYS = {"solid": "none", "dash": "9 5", "dot": "2 4", "dashdot": "9 4 2 4"}
MARKERS = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "square": "M-4 -4h8v8h-8z",
    "diamond": "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
    "triangle-up": "M0 -5l5 9h-10z",
    "cross": "M-1.7 -5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z",
    "triangle-down": "M0 5l5 -9h-10z",
    "x": "M-5 -3l2 -2l3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3z",
}


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis [SVG units]."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """One curve, ready to be written: paths in SVG units."""

    label: str
    colour: str
    dash: str
    marker: str
    path: str
    band: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Drawing:
    """All that the template needs."""

    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    n_hidden: int


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis: `lowest` goes to `start`, `highest` to `end` [SVG units]."""

    lowest: float
    highest: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where a value lies, to a tenth; what is below the axis (an error of zero) lies on it."""
        share = log10(max(value, self.lowest) / self.lowest) / log10(self.highest / self.lowest)
        return round(self.start + share * (self.end - self.start), 1)


def draw_curves(ranking: Ranking, *, only: str | None = None) -> Drawing:
    """Return the drawing of a ranking's best models, or of the one named."""
    chosen = [(place, entry) for place, entry in enumerate(ranking.entries) if only in {None, entry.model}]
    pairs = [(make_curve(entry, ranking.sizes), pick_style(place)) for place, entry in chosen[:SHOWN_AT_FIRST]]
    x, y = _fit_scales([curve for curve, _ in pairs])
    ticks = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5)]
    return Drawing(
        lines=tuple(_draw_line(curve, style, x, y) for curve, style in pairs),
        x_ticks=tuple(Tick(x.place(n), format_size(n)) for n in ranking.sizes),
        y_ticks=tuple(Tick(y.place(value), f"{value:,g}") for value in ticks if y.lowest <= value <= y.highest),
        n_hidden=max(0, len(chosen) - SHOWN_AT_FIRST),
    )


def _fit_scales(curves: list[Curve]) -> tuple[Scale, Scale]:
    points = [point for curve in curves for run in curve.runs() for point in run]
    sizes = [n for n, *_ in points]
    errors = [value for _, *values in points for value in values if value > 0] or [1.0]
    x = Scale(min(sizes) / 1.25, max(sizes) * 1.25, LEFT, RIGHT)
    return x, Scale(min(errors) / 1.15, max(errors) * 1.15, BOTTOM, TOP)


def _draw_line(curve: Curve, style: Style, x: Scale, y: Scale) -> Line:
    runs = curve.runs()
    paths = [_join([(x.place(n), y.place(mae)) for n, mae, _, _ in run]) for run in runs]
    bands = [
        _join([(x.place(n), y.place(high)) for n, _, _, high in run] + [(x.place(n), y.place(low)) for n, _, low, _ in reversed(run)]) + "z"
        for run in runs
    ]
    points = tuple((x.place(n), y.place(mae)) for run in runs for n, mae, _, _ in run)
    return Line(
        shorten(curve.label, 23), style.colour, DASH_ARRAYS[style.dash], MARKERS[style.symbol], "".join(paths), "".join(bands), points
    )


def _join(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
