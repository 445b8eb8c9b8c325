"""``synthatoms site``: turn results into a static site, and look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataset_builder.console import JSON_HELP, report_outcome

app = typer.Typer(no_args_is_help=True, help="Turn results into a static site, and look at it.")


@app.command(epilog="Example: synthatoms site build --results results --out site")
def build(
    results: Annotated[list[Path], typer.Option(help="A folder of results; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder of the site: new, empty, or a site built before.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Build the leaderboard: ranking, learning curves, a page per model, JSON and CSV."""
    from leaderboard.build import build_site

    index = build_site(results, out)
    report_outcome(index, as_json=as_json, address=index.as_uri())


@app.command(epilog="Example: synthatoms site serve site")
def serve(
    folder: Annotated[Path, typer.Argument(help="A built site.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes any free one.")] = 8000,
) -> None:
    """Serve a site on this machine until Ctrl-C."""
    from leaderboard.serve import serve as serve_site

    serve_site(folder, port)
