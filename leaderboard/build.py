"""Write the site: all of it into a temporary folder first, then moved to its place in one step."""

from __future__ import annotations

import shutil
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmark.results import read_results
from leaderboard.api import write_csv, write_json
from leaderboard.errors import SiteError
from leaderboard.pages import Stamp, find_version, make_environment, render_index, render_model
from leaderboard.profile import describe_models
from leaderboard.table import rank_results

if TYPE_CHECKING:
    from leaderboard.table import Ranking

MARKER = ".synthatoms-site"  # tells a folder this module wrote from one it must not touch


def build_site(result_folders: list[Path], out: Path) -> Path:
    """Build the leaderboard from folders of results and return its front page.

    Equal results give equal bytes. An existing site at `out` is replaced whole, only after the new one is complete.

    Parameters
    ----------
    result_folders
        Each holds ``*.jsonl`` files as `benchmark.results` writes them.
    out
        Folder to write: new, empty, or a site built before.

    Raises
    ------
    SiteError
        If `out` is anything else, or Plotly's script is not installed.
    ResultsError
        If results are missing or do not follow the schema.
    RankingError
        If results contradict each other.
    """
    out = out.resolve()
    _check_replaceable(out)
    rankings = rank_results(read_results(result_folders))
    with _make_workplace(out) as temporary:
        new = Path(temporary) / "new"
        _write_site(rankings, new)
        _swap(new, out, aside=Path(temporary) / "old")
    return out / "index.html"


def is_site(folder: Path) -> bool:
    """Return whether a folder is a site that `build_site` wrote."""
    return (folder / MARKER).is_file() and (folder / "index.html").is_file()


def _check_replaceable(out: Path) -> None:
    if not out.exists() or is_site(out) or (out.is_dir() and not any(out.iterdir())):
        return
    raise SiteError(
        str(out),
        expected="a new or empty folder, or a site built before",
        got="a folder with other files" if out.is_dir() else "a file",
        remedy="choose another --out",
    )


def _make_workplace(out: Path) -> TemporaryDirectory[str]:
    """Return a temporary folder beside `out`, on the same disk, so that the move at the end is one step."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.")
    except OSError as error:
        raise SiteError(
            str(out.parent), expected="a folder that can be written", got=error.strerror, remedy="choose another --out"
        ) from error


def _write_site(rankings: list[Ranking], folder: Path) -> None:
    profiles = describe_models(rankings)
    json_text = write_json(rankings)
    n_results = sum(len(entry.results) for ranking in rankings for entry in ranking.entries)
    environment = make_environment(Stamp(find_version(), n_results, len(profiles), sha256(json_text.encode()).hexdigest()))
    _write(folder / "index.html", render_index(environment, rankings, profiles))
    for profile in profiles.values():
        _write(folder / "models" / f"{profile.slug}.html", render_model(environment, profile))
    _write(folder / "api" / "v1" / "results.json", json_text)
    _write(folder / "results.csv", write_csv(rankings))
    _write_static(folder / "static")
    _write(folder / MARKER, "Built by synthatoms; `synthatoms site build` may replace this folder.\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def _write_static(folder: Path) -> None:
    for name in ("style.css", "plot.js"):
        _write(folder / name, files("leaderboard").joinpath("static", name).read_text(encoding="utf-8"))
    shutil.copyfile(_find_plotly(), folder / "plotly.min.js")


def _find_plotly() -> Path:
    """Return the script inside the installed plotly package; the package itself need not be imported."""
    spec = find_spec("plotly")
    script = Path(spec.origin).parent / "package_data" / "plotly.min.js" if spec and spec.origin else None
    if script is None or not script.is_file():
        raise SiteError(
            "plotly.min.js", expected="it inside the installed package plotly", got=script or "no such package", remedy="pip install plotly"
        )
    return script


def _swap(new: Path, out: Path, *, aside: Path) -> None:
    """Put `new` where `out` is; whatever goes wrong, one of the two is there."""
    if out.exists():
        out.rename(aside)
    try:
        new.rename(out)
    except OSError:
        if aside.exists():
            aside.rename(out)
        raise
