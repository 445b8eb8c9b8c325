"""``synthatoms dataset``: make, check and describe releases. Imports wait until a command runs, so that --help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataset_builder.console import JSON_HELP, report_outcome, show_progress

app = typer.Typer(no_args_is_help=True, help="Make, check and describe releases.")
AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


@app.command(epilog="Example: synthatoms dataset build demo --out releases/demo")
def build(
    recipe: Annotated[str, typer.Argument(help="A recipe's TOML file, or the name of a shipped one (demo).")],
    out: Annotated[Path, typer.Option(help="Folder of the release. An interrupted build is finished by the same command.")],
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default all cores. Never changes the result.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build a release: structures, molecular dynamics, labels, checks, shards, splits and card."""
    from dataset_builder.make.build import build_release
    from dataset_builder.make.recipe import find_recipe
    from dataset_builder.release.manifest import read_manifest

    with show_progress() as progress:
        folder = build_release(find_recipe(recipe), out, workers=workers, progress=progress)
    manifest = read_manifest(folder)
    report_outcome(folder, as_json=as_json, digest=manifest.digest, **manifest.counts.model_dump())


@app.command(epilog="Example: synthatoms dataset verify releases/demo")
def verify(folder: Annotated[Path, typer.Argument(help="A release folder.")], as_json: AsJson = False) -> None:
    """Check every file and value of a release against its manifest, and the rules that every release keeps."""
    from dataset_builder.release.verify import verify_release

    with show_progress() as progress:
        manifest = verify_release(folder, progress=progress)
    facts = {"verified": str(folder), "digest": manifest.digest, **manifest.counts.model_dump()}
    if as_json:
        import json

        print(json.dumps(facts))
    else:
        print("\n".join(f"{name}: {value}" for name, value in facts.items()))


@app.command()
def keys() -> None:
    """Print every key that a recipe may have, with its meaning."""
    from rich.console import Console
    from rich.table import Table

    from dataset_builder.make.recipe import describe_keys

    table = Table("key", "meaning", title="Recipe keys")
    for key, meaning in describe_keys():
        table.add_row(key, meaning)
    Console().print(table)


@app.command("fit-teacher", epilog="Example: synthatoms dataset fit-teacher c-gap-mini --out c-gap-mini")
def fit_teacher(
    recipe: Annotated[str, typer.Argument(help="A fit recipe's TOML file, or c-gap-mini for the shipped one.")],
    out: Annotated[Path, typer.Option(help="Folder for potential, model card and plots.")],
    as_json: AsJson = False,
) -> None:
    """Fit a Gaussian approximation potential to quantum-mechanical data; the shipped teacher was made by this command."""
    from dataset_builder.make.fitting import fit_teacher as fit_teacher_from
    from dataset_builder.make.fitting_recipe import find_fit_recipe

    with show_progress() as progress:
        potential = fit_teacher_from(find_fit_recipe(recipe), out, progress=progress)
    report_outcome(potential, as_json=as_json)
