"""One tiny release, built once by the real builder with the shipped teacher, for every test that reads one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from dataset_builder.make.build import build_release
from dataset_builder.make.recipe import find_recipe
from dataset_builder.release.reader import Release, open_release

if TYPE_CHECKING:
    from pathlib import Path

EDITS = {
    'name = "demo"': 'name = "tiny"',
    "atoms = 64": "atoms = 12",
    "densities = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]": "densities = [1.5, 2.0, 3.0]",
    "anneal_temperatures = [2500, 4000]": "anneal_temperatures = [2000, 3000]",
    "snapshot_interval = 1.0": "snapshot_interval = 0.5",
    "duration = 2.0": "duration = 0.5",
    "duration = 3.0": "duration = 1.0",
    "temperature_margin = 500": "temperature_margin = 1500",
}


def write_tiny_recipe(path: Path, **more: str) -> Path:
    """Write the demo's recipe with six trajectories of 12 atoms and 7 frames; `more` replaces whole lines by key."""
    text = find_recipe("demo").read_text(encoding="utf-8")
    for before, after in EDITS.items():
        assert before in text, before
        text = text.replace(before, after)
    lines = [next((f"{k} = {v}" for k, v in more.items() if line.startswith(f"{k} = ")), line) for line in text.splitlines()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep descriptors of tests apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHATOMS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_recipe(tmp_path_factory.mktemp("recipe") / "tiny.toml")


@pytest.fixture(scope="session")
def tiny_folder(tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's folder; tests that alter files take `copy_of_tiny`."""
    return build_release(tiny_recipe, tmp_path_factory.mktemp("release") / "tiny")


@pytest.fixture(scope="session")
def tiny_release(tiny_folder: Path) -> Release:
    return open_release(tiny_folder)


@pytest.fixture
def copy_of_tiny(tiny_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_folder, tmp_path / "copy")
