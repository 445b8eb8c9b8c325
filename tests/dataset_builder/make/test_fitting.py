"""Fitting the teacher: the frozen division is honoured, equal fits give equal bytes, and the card states what is true."""

from __future__ import annotations

import json
import lzma
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_builder.errors import PotentialError, RecipeError
from dataset_builder.make import fitting
from dataset_builder.make.fitting import fit_teacher
from dataset_builder.make.fitting_curves import evaluator, predict
from dataset_builder.make.fitting_data import read_pbe, select_split
from dataset_builder.make.fitting_recipe import read_fit_recipe

SHIPPED = Path(fitting.__file__).parent / "teachers" / "c_gap_mini"
DATA = SHIPPED / "carbon_pbe.parquet"
TINY = """
name = "tiny"
data = "tiny.parquet"
seed = 1
threads = 1
max_force = 30.0
sparse_jitter = 1e-10
[two_body]
cutoff = 3.7
delta = 5.0
theta = 1.0
n_sparse = 8
[three_body]
cutoff = 2.0
delta = 0.5
theta = 1.0
n_sparse = 8
[[soap]]
cutoff = 2.5
cutoff_transition_width = 0.5
atom_sigma = 0.5
n_max = 4
l_max = 2
zeta = 4
delta = 0.3
n_sparse = 20
sparse_method = "cur_points"
[[regularisation]]
config_types = ["*"]
energy = 0.01
force = 0.2
"""
Change = Callable[[dict[str, list]], None]


def silent(message: str, done: int, total: int) -> None:
    """Show no progress."""


def write_tiny(folder: Path, change: Change | None = None, recipe: str = TINY) -> Path:
    """Write a recipe with an isolated atom, diamonds and dimers, some of them for testing."""
    table = pq.read_table(DATA)
    columns = table.to_pydict()
    kinds = np.array(columns["config_type"])
    chosen = [*np.flatnonzero(kinds == "isolated_atom"), *np.flatnonzero(kinds == "diamond")[-6:], *np.flatnonzero(kinds == "dimer")[:2]]
    rows = table.take(pa.array(sorted(chosen))).to_pydict()
    if change is not None:
        change(rows)
    folder.mkdir()
    pq.write_table(pa.table(rows, schema=table.schema), folder / "tiny.parquet")
    (folder / "fit.toml").write_text(recipe)
    return folder / "fit.toml"


def double_test_labels(rows: dict[str, list]) -> None:
    """Spoil the labels of the test cells only."""
    for i, split in enumerate(rows["split"]):
        if split == "test":
            rows["energy"][i] *= 2
            rows["forces"][i] = [[2 * x for x in row] for row in rows["forces"][i]]


def cut_a_trajectory(rows: dict[str, list]) -> None:
    """Give one of two cells of a trajectory to the test split."""
    trajectory = rows["trajectory"][rows["config_type"].index("diamond")]
    first = rows["trajectory"].index(trajectory)
    rows["split"][first] = {"train": "test", "test": "train"}[rows["split"][first]]


@pytest.fixture(scope="module")
def tiny_fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tiny fit."""
    folder = tmp_path_factory.mktemp("tiny")
    return fit_teacher(write_tiny(folder / "in"), folder / "out", progress=silent).parent


@pytest.fixture(scope="module")
def shipped_record() -> dict:
    """Return the shipped fit.json."""
    return json.loads((SHIPPED / "fit.json").read_text(encoding="utf-8"))


def test_division_never_cuts_a_trajectory() -> None:
    sides = defaultdict(set)
    for cell in read_pbe(DATA):
        sides[cell.trajectory].add(cell.split)
    assert all(len(side) == 1 for side in sides.values())
    assert {next(iter(side)) for side in sides.values()} == {"train", "test"}


def test_amorphous_cells_of_one_density_and_seed_share_a_trajectory() -> None:
    rows = [
        row
        for row in pq.read_table(DATA, columns=["config_type", "density", "seed", "trajectory"]).to_pylist()
        if row["config_type"] == "amorphous"
    ]
    runs = defaultdict(set)
    for row in rows:
        runs[row["density"], row["seed"]].add(row["trajectory"])
    assert all(len(names) == 1 for names in runs.values())
    assert len({name for names in runs.values() for name in names}) == len(runs)


def test_about_a_fifth_of_the_amorphous_cells_is_for_testing() -> None:
    amorphous = [cell for cell in read_pbe(DATA) if cell.config_type == "amorphous"]
    assert 0.15 < len(select_split(amorphous, "test")) / len(amorphous) < 0.25


def test_every_label_fits_its_cell_and_columns_carry_units() -> None:
    cells = read_pbe(DATA)
    assert all(cell.forces.shape == cell.structure.positions.shape and np.isfinite(cell.energy) for cell in cells)
    schema = pq.read_schema(DATA)
    units = {
        name: (schema.field(name).metadata or {}).get(b"unit", b"").decode()
        for name in ("energy", "forces", "positions", "cell", "density", "temperature")
    }
    assert units == {"energy": "eV", "forces": "eV/Å", "positions": "Å", "cell": "Å", "density": "g/cm³", "temperature": "K"}


def test_counts_are_those_of_the_record(shipped_record: dict) -> None:
    cells = read_pbe(DATA)
    assert shipped_record["data"]["cells"] == len(cells)
    assert shipped_record["data"]["train_cells"] == len(select_split(cells, "train"))


def test_unknown_key_is_refused(tmp_path: Path) -> None:
    recipe = write_tiny(tmp_path / "in", recipe=TINY.replace("n_sparse = 20", "n_sparse = 20\nn_spares = 20"))
    with pytest.raises(RecipeError, match="n_spares"):
        read_fit_recipe(recipe)


def test_recipe_that_leaves_cells_without_expected_error_is_refused(tmp_path: Path) -> None:
    recipe = write_tiny(tmp_path / "in", recipe=TINY.replace('["*"]', '["diamond"]'))
    with pytest.raises(RecipeError, match="last"):
        read_fit_recipe(recipe)


def test_division_that_cuts_a_trajectory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="both for diamond"):
        fit_teacher(write_tiny(tmp_path / "in", cut_a_trajectory), tmp_path / "out", progress=silent)
    assert not (tmp_path / "out").exists()


def test_missing_data_file_is_refused_in_one_line(tmp_path: Path) -> None:
    recipe = write_tiny(tmp_path / "in", recipe=TINY.replace("tiny.parquet", "none.parquet"))
    with pytest.raises(RecipeError, match=r"none\.parquet") as caught:
        fit_teacher(recipe, tmp_path / "out", progress=silent)
    assert "\n" not in str(caught.value)


def test_failed_fit_keeps_the_log_and_leaves_no_potential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "gap_fit"
    broken.write_text("#!/bin/sh\necho no\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(fitting, "_find_gap_fit", lambda: broken)
    with pytest.raises(PotentialError, match="exit code 3"):
        fit_teacher(write_tiny(tmp_path / "in"), tmp_path / "out", progress=silent)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["gap_fit.log"]


def test_two_fits_give_identical_bytes_and_ignore_test_labels(tiny_fit: Path, tmp_path: Path) -> None:
    spoilt = write_tiny(tmp_path / "in", double_test_labels)
    assert (tmp_path / "in" / "tiny.parquet").read_bytes() != (tiny_fit.parent / "in" / "tiny.parquet").read_bytes()
    again = fit_teacher(spoilt, tmp_path / "out", progress=silent)
    assert again.read_bytes() == (tiny_fit / again.name).read_bytes()


def test_fit_writes_everything_and_no_leftovers(tiny_fit: Path) -> None:
    assert sorted(path.name for path in tiny_fit.iterdir()) == [
        "README.md",
        "energy_volume.png",
        "fit.json",
        "gap_fit.log",
        "parity.png",
        "tiny.xml.xz",
    ]


def test_shipped_potential_has_the_stated_digest_and_size(shipped_record: dict) -> None:
    import hashlib

    stated = shipped_record["potential"]
    packed = (SHIPPED / stated["file"]).read_bytes()
    assert (hashlib.sha256(packed).hexdigest(), len(packed)) == (stated["sha256"], stated["bytes"])
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() == shipped_record["data"]["sha256"]
    assert len(packed) <= 6_000_000


def test_shipped_potential_reproduces_the_stated_test_errors(shipped_record: dict) -> None:
    evaluate = evaluator(lzma.decompress((SHIPPED / "c_gap_mini.xml.xz").read_bytes()).decode())
    e0 = shipped_record["isolated_atom_energy"]
    chosen = [cell for cell in read_pbe(DATA) if cell.split == "test" and cell.config_type == "amorphous" and cell.temperature == 300]
    found = [predict(evaluate, cell, e0) for cell in chosen]
    stated = next(e for e in shipped_record["errors"] if (e["split"], e["config_type"], e["temperature"]) == ("test", "amorphous", 300))
    assert stated["cells"] == len(found)
    energy_rmse = np.sqrt(np.mean([(p.energy - p.reference_energy) ** 2 for p in found])) * 1000
    force_rmse = np.sqrt(np.mean(np.concatenate([(p.forces - p.cell.forces).ravel() for p in found]) ** 2))
    assert energy_rmse == pytest.approx(stated["energy_rmse_mev_per_atom"], abs=1e-2)
    assert force_rmse == pytest.approx(stated["force_rmse_ev_per_angstrom"], abs=1e-3)
    atom = next(cell for cell in read_pbe(DATA) if cell.config_type == "isolated_atom")
    assert predict(evaluate, atom, e0).energy == pytest.approx(0.0, abs=1e-3)


def test_settings_in_the_record_are_those_of_the_recipe(shipped_record: dict) -> None:
    assert shipped_record["settings"] == read_fit_recipe(SHIPPED / "fit.toml").model_dump()
