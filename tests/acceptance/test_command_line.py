"""The command line as a newcomer types it: only `synthatoms` and files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_tiny_recipe

OWN_MODEL = '''
"""Nearest neighbour in the distances to the three nearest atoms: a user's own model, in one file."""
import numpy as np
from benchmark import Environments, Prediction


class Nearest:
    """Energy of the training environment whose three nearest distances are closest."""

    def __init__(self, *, neighbours: int = 3):
        self.neighbours = neighbours

    def fit(self, train: Environments, *, seed: int) -> None:
        self.x, self.y = self._distances(train), train.labels

    def predict(self, test: Environments) -> Prediction:
        apart = ((self._distances(test)[:, None] - self.x) ** 2).sum(axis=2)
        return Prediction(self.y[apart.argmin(axis=1)])

    def _distances(self, environments: Environments) -> np.ndarray:
        rows = []
        atoms = environments.to_ase()
        for structure, atom in zip(environments.structure_index, environments.atom_index):
            d = atoms[structure].get_distances(atom, range(len(atoms[structure])), mic=True)
            rows.append(np.sort(d)[1 : self.neighbours + 1])
        return np.array(rows)
'''


def synthatoms(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "synthatoms", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False)


def succeed(*arguments: object, cwd: Path | None = None) -> str:
    done = synthatoms(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_release_to_site_with_a_users_own_model(tiny_folder, tmp_path):
    (tmp_path / "my_model.py").write_text(OWN_MODEL)
    assert len(OWN_MODEL.strip().splitlines()) <= 30
    for name, model in {"mean": "mean", "mine": "my_model:Nearest"}.items():
        out = succeed(
            "bench",
            "run",
            "--model",
            model,
            "--release",
            tiny_folder,
            "--sizes",
            "100,310",
            "--folds",
            "0,1",
            "--out",
            f"p/{name}",
            "--json",
            cwd=tmp_path,
        )
        assert json.loads(out) == {"path": f"p/{name}", "files": 4}
        succeed("bench", "score", f"p/{name}", "--release", tiny_folder, "--out", "results", cwd=tmp_path)
    site = json.loads(succeed("site", "build", "--results", "results", "--out", "site", "--json", cwd=tmp_path))
    page = Path(tmp_path / site["path"]).read_text()
    assert "Nearest" in page
    assert "mean" in page
    own, mean = (
        sum(json.loads(line)["mae_mev"] for line in (tmp_path / f"results/{n}.jsonl").read_text().splitlines()) for n in ("mine", "mean")
    )
    assert own < mean


@pytest.mark.parametrize(("model", "option"), [("sparse_gpr", "n_sparse=80"), ("neural_network", "max_steps=40")])
def test_running_twice_gives_identical_predictions(model, option, tiny_folder, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    task = ["--release", tiny_folder, "--sizes", "100", "--folds", "0", "--seed", "3"]
    for out in ("a", "b"):
        monkeypatch.setenv("SYNTHATOMS_CACHE", str(tmp_path / f"cache-{out}"))
        succeed("bench", "run", "--model", model, "--option", option, *task, "--out", tmp_path / out)
    one, other = (pq.read_table(tmp_path / out / "fold0-n100-seed3.parquet") for out in ("a", "b"))
    assert one.replace_schema_metadata().equals(other.replace_schema_metadata())


def test_verify_prints_the_digest(tiny_folder):
    assert len(json.loads(succeed("dataset", "verify", tiny_folder, "--json"))["digest"]) == 64


def test_keys_lists_every_table():
    out = succeed("dataset", "keys")
    assert all(word in out for word in ("structures", "dynamics", "driver", "teacher", "checks", "analysis"))


@pytest.mark.parametrize("command", [["--help"], ["dataset", "build", "--help"], ["bench", "run", "--help"], ["site", "serve", "--help"]])
def test_help_is_quick_to_find(command):
    assert "Usage" in succeed(*command)


def wrong_key(tmp_path, tiny_folder):
    recipe = write_tiny_recipe(tmp_path / "r.toml")
    recipe.write_text(recipe.read_text().replace("radius =", "raduis ="))
    return ["dataset", "build", recipe, "--out", tmp_path / "out"], "unknown key 'raduis'"


def missing_teacher(tmp_path, tiny_folder):
    recipe = write_tiny_recipe(tmp_path / "r.toml", potential='"nowhere.xml"')
    recipe.write_text(recipe.read_text().replace('potential = "nowhere.xml"', 'potential = "SiC_Erhart-Albe.tersoff"', 1))
    return ["dataset", "build", recipe, "--out", tmp_path / "out"], "teacher.potential nowhere.xml: expected c-gap-mini"


def missing_driver(tmp_path, tiny_folder):
    recipe = write_tiny_recipe(tmp_path / "r.toml")
    recipe.write_text(recipe.read_text().replace("SiC_Erhart-Albe.tersoff", "nowhere.tersoff"))
    return ["dataset", "build", recipe, "--out", tmp_path / "out"], "driver.potential nowhere.tersoff"


def unknown_model(tmp_path, tiny_folder):
    return [
        "bench",
        "run",
        "--model",
        "transformer",
        "--release",
        tiny_folder,
        "--out",
        tmp_path / "out",
    ], "model transformer: expected one of mean"


def corrupted_shard(tmp_path, tiny_folder):
    import shutil

    folder = shutil.copytree(tiny_folder, tmp_path / "copy")
    shard = next((folder / "data").iterdir())
    content = bytearray(shard.read_bytes())
    content[100] ^= 255
    shard.write_bytes(content)
    return ["bench", "run", "--model", "mean", "--release", folder, "--out", tmp_path / "out"], "the file was altered"


def truncated_predictions(tmp_path, tiny_folder):
    succeed("bench", "run", "--model", "mean", "--release", tiny_folder, "--sizes", "100", "--folds", "0", "--out", tmp_path / "p")
    path = tmp_path / "p" / "fold0-n100-seed0.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    return ["bench", "score", tmp_path / "p", "--release", tiny_folder, "--out", tmp_path / "results"], "expected a whole Parquet file"


def unknown_size(tmp_path, tiny_folder):
    return [
        "bench",
        "run",
        "--model",
        "mean",
        "--release",
        tiny_folder,
        "--sizes",
        "100,abc",
        "--out",
        tmp_path / "out",
    ], "whole numbers separated by commas"


def no_results(tmp_path, tiny_folder):
    return ["site", "build", "--results", tmp_path / "none", "--out", tmp_path / "site"], "no such folder"


def out_is_a_file(tmp_path, tiny_folder):
    (tmp_path / "taken").write_text("x")
    return ["bench", "run", "--model", "mean", "--release", tiny_folder, "--out", tmp_path / "taken"], "File exists"


def empty_sizes(tmp_path, tiny_folder):
    return ["bench", "run", "--model", "mean", "--release", tiny_folder, "--sizes", "", "--out", tmp_path / "out"], "whole numbers"


def unknown_option(tmp_path, tiny_folder):
    return ["site", "build", "--colour", "red"], "No such option"


MISTAKES = [
    wrong_key,
    missing_teacher,
    missing_driver,
    unknown_model,
    corrupted_shard,
    truncated_predictions,
    unknown_size,
    no_results,
    out_is_a_file,
    empty_sizes,
    unknown_option,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.__name__)
def test_mistake_ends_in_one_line_and_exit_code_2(mistake, tmp_path, tiny_folder):
    command, message = mistake(tmp_path, tiny_folder)
    done = synthatoms(*command)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
