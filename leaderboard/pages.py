"""Rankings in, HTML out. Every text of a result is data from strangers: the templates escape it, always."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from leaderboard.curves import PUBLISHED_LABEL, draw_figure, read_published_curves
from leaderboard.drawing import draw_curves
from leaderboard.formats import format_mev, format_short, format_size
from leaderboard.table import RULE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leaderboard.cells import Cell
    from leaderboard.profile import Profile
    from leaderboard.table import Ranking

# Holds over http and for files opened from disk. Plotly writes style attributes, hence 'unsafe-inline' for styles
# only; `data:` pictures are the icon and Plotly's download of a plot.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Stamp:
    """What a page was made from, so that it can be made again; no date, for equal results must give equal bytes."""

    version: str
    n_results: int
    n_models: int
    digest: str


def find_version() -> str:
    """Return the version of this package, or say that it is not installed."""
    try:
        return version("synthatoms")
    except PackageNotFoundError:
        return "(not installed)"


def make_environment(stamp: Stamp) -> Environment:
    """Return the templates, with escaping on and a missing value an error."""
    environment = Environment(
        loader=PackageLoader("leaderboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(mev=format_mev, short=format_short, size=format_size, breakable=make_breakable)
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":"), "sort_keys": True}
    environment.globals.update(csp=CONTENT_SECURITY_POLICY, stamp=stamp, rule=RULE, published_label=PUBLISHED_LABEL)
    return environment


def make_breakable(text: str) -> Markup:
    """Return the text escaped, with leave to break the line after an underscore."""
    return escape(text).replace("_", Markup("_<wbr>"))


def render_index(environment: Environment, rankings: Sequence[Ranking], profiles: Mapping[str, Profile]) -> str:
    """Return the front page."""
    sections = [_describe_section(ranking) for ranking in rankings]
    slugs = {model: profile.slug for model, profile in profiles.items()}
    return environment.get_template("index.html").render(root="", sections=sections, slugs=slugs, published=read_published_curves())


def render_model(environment: Environment, profile: Profile) -> str:
    """Return the page of one model."""
    sections = [{"placing": placing, **_draw(placing.ranking, profile.model)} for placing in profile.placings]
    return environment.get_template("model.html").render(root="../", profile=profile, sections=sections)


def _describe_section(ranking: Ranking) -> dict[str, Any]:
    best = [_find_lowest([entry.cells[column] for entry in ranking.entries]) for column in range(len(ranking.sizes))]
    return {"ranking": ranking, "best": best, **_draw(ranking, None)}


def _draw(ranking: Ranking, only: str | None) -> dict[str, Any]:
    return {"id": find_anchor(ranking), "figure": draw_figure(ranking, only=only), "drawing": draw_curves(ranking, only=only)}


def _find_lowest(cells: Sequence[Cell | None]) -> Cell | None:
    counting = [cell for cell in cells if cell is not None and cell.is_complete]
    return min(counting, key=lambda cell: cell.mae_mev, default=None)


def find_anchor(ranking: Ranking) -> str:
    """Return a name for a ranking that is safe in HTML and a link: a hash of digest and track, whatever they contain."""
    return "ranking-" + sha256(f"{ranking.release.digest}\n{ranking.track}".encode()).hexdigest()[:10]
