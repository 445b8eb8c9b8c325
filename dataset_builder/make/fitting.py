"""Fit a Gaussian approximation potential to PBE labels with quippy's `gap_fit`: how the shipped teacher is made.

The total energy is a sum over pairs, triplets and atoms of sparse Gaussian-process models on 2-body, 3-body and SOAP
descriptors, on top of the isolated atom: the recipe of Deringer and Csányi, Phys. Rev. B 95, 094203 (2017) (C-GAP-17).
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_builder.errors import PotentialError, RecipeError
from dataset_builder.make.fitting_data import PbeCell, isolated_atom_energy, read_pbe, select_split
from dataset_builder.make.fitting_recipe import FitRecipe, class_of, descriptor_strings, read_fit_recipe

if TYPE_CHECKING:
    import ase

Progress = Callable[[str, int, int], None]


def fit_teacher(recipe: Path, out: Path, *, progress: Progress) -> Path:
    """Fit a potential, measure it on training and test cells, and write it with its model card.

    Parameters
    ----------
    recipe
        TOML file, see `FitRecipe`.
    out
        Folder to write to: potential, ``fit.json``, ``README.md``, plots and the log of gap_fit. Made if missing.
    progress
        Called with a stage's name, how much of it is done, and how much there is.

    Returns
    -------
    The potential, ``out/<name>.xml.xz``.

    Raises
    ------
    RecipeError
        If the recipe or its data file cannot be followed.
    PotentialError
        If gap_fit is missing or fails.
    """
    from dataset_builder.make.fitting_report import Fitted, write_report

    settings = read_fit_recipe(recipe)
    data = recipe.parent / settings.data
    cells = read_pbe(data)
    isolated_atom_energy(cells, str(data))
    program = _find_gap_fit()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".fit-") as scratch:
        folder = Path(scratch)
        progress("Fitting with gap_fit", 0, 1)
        started = time.monotonic()
        xml = run_gap_fit(settings, select_split(cells, "train"), folder, program)
        fit_s = time.monotonic() - started
        progress("Fitting with gap_fit", 1, 1)
        (folder / f"{settings.name}.xml.xz").write_bytes(lzma.compress(xml.encode(), preset=9 | lzma.PRESET_EXTREME))
        write_report(Fitted(settings, recipe, data, cells, xml, fit_s), folder, progress)
        _move_results(folder, out)
    return out / f"{settings.name}.xml.xz"


def run_gap_fit(settings: FitRecipe, cells: list[PbeCell], folder: Path, program: Path) -> str:
    """Run gap_fit in `folder` and return its potential as canonical XML.

    Parameters
    ----------
    settings
        The recipe.
    cells
        Training cells; none may be of the test split.
    folder
        Where inputs, log and raw output go.
    program
        The `gap_fit` to run.

    Raises
    ------
    RecipeError
        If a test cell is among the cells.
    PotentialError
        If gap_fit fails.
    """
    from ase.io import write

    write(folder / "train.xyz", _to_training_atoms(settings, cells), format="extxyz")
    log = folder / "gap_fit.log"
    with log.open("w") as stream:
        environment = os.environ | {"OMP_NUM_THREADS": str(settings.threads), "OPENBLAS_NUM_THREADS": str(settings.threads)}
        ended = subprocess.run(
            [str(program), *_arguments(settings)], cwd=folder, stdout=stream, stderr=subprocess.STDOUT, env=environment, check=False
        )
    raw = folder / "raw.xml"
    if ended.returncode != 0 or not raw.is_file():
        kept = _keep_log(log, folder.parent)
        raise PotentialError("gap_fit", expected="a fitted potential", got=f"exit code {ended.returncode}", remedy=f"read {kept}")
    return canonical_xml(raw.read_text(), settings.name)


def canonical_xml(xml: str, name: str) -> str:
    """Return gap_fit's XML without what differs between equal fits: its label holds the time of the run.

    Examples
    --------
    >>> canonical_xml('<GAP_2026_1_2_3_4_5_6_789><x label="GAP_2026_1_2_3_4_5_6_7891"/></GAP_2026_1_2_3_4_5_6_789>', "mini")
    '<mini><x label="mini1"/></mini>'
    """
    label = re.search(r"<(GAP_[0-9_]+)>", xml)
    return xml.replace(label.group(1), name) if label else xml


def _arguments(settings: FitRecipe) -> list[str]:
    classes = [f"class{i}:{rule.energy}:{rule.force}:0:0" for i, rule in enumerate(settings.regularisation)]
    return [
        "at_file=train.xyz",
        f"gap={{{' : '.join(descriptor_strings(settings))}}}",
        "default_sigma={0.01 0.3 0 0}",  # gap_fit asks for it; every cell has a class of its own below
        f"config_type_sigma={{{':'.join(classes)}}}",
        "energy_parameter_name=E_ref",
        "force_parameter_name=F_ref",
        "virial_parameter_name=none",
        "e0_method=isolated",
        f"sparse_jitter={settings.sparse_jitter}",
        f"rnd_seed={settings.seed}",
        "sparse_separate_file=F",
        "do_copy_at_file=F",
        "gp_file=raw.xml",
    ]


def _to_training_atoms(settings: FitRecipe, cells: list[PbeCell]) -> list[ase.Atoms]:
    foreign = [cell.trajectory for cell in cells if cell.split != "train"]
    if foreign:
        raise RecipeError(
            "cells to fit", expected="training cells only", got=f"{foreign[0]} of the test split", remedy="select the training split"
        )
    return [_labelled_atoms(cell, class_of(settings, cell)) for cell in cells if abs(cell.forces).max() <= settings.max_force]


def _labelled_atoms(cell: PbeCell, number: int) -> ase.Atoms:
    atoms = cell.to_ase()
    atoms.info.update(config_type=f"class{number}", E_ref=cell.energy)
    atoms.arrays["F_ref"] = cell.forces
    return atoms


def _find_gap_fit() -> Path:
    beside = [Path(sysconfig.get_path("scripts")) / "gap_fit", Path(sys.executable).parent / "gap_fit"]
    found = next((path for path in beside if path.is_file()), None) or shutil.which("gap_fit")
    if found is None:
        raise PotentialError(
            "gap_fit",
            expected="the program, installed with quippy",
            got="none on the path",
            remedy="install it with `pip install 'synthatoms[build]'`",
        )
    return Path(found)


def _keep_log(log: Path, folder: Path) -> Path:
    return Path(shutil.move(log, folder / log.name))


def _move_results(folder: Path, out: Path) -> None:
    for name in ("train.xyz", "raw.xml"):
        (folder / name).unlink(missing_ok=True)
    for path in sorted(folder.iterdir()):
        if path.suffix != ".idx":
            path.replace(out / path.name)
