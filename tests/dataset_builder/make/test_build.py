"""A build is the same whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from dataset_builder.errors import PotentialError, ReleaseError
from dataset_builder.make.build import build_release
from dataset_builder.make.workplace import WORK, claim
from dataset_builder.release.manifest import read_manifest
from tests.conftest import write_tiny_recipe


def test_worker_count_does_not_change_dataset(tiny_recipe, tiny_folder, tmp_path):
    alone = build_release(tiny_recipe, tmp_path / "alone", workers=1)
    assert read_manifest(alone) == read_manifest(tiny_folder)


def build_and_kill(recipe, out, parts):
    """Start a build in a process of its own and kill it when it has stored some trajectories."""
    command = [sys.executable, "-m", "synthatoms", "dataset", "build", str(recipe), "--out", str(out)]
    build = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(out.glob(f"{WORK}/parts/*.parquet"))) < parts and build.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    children = psutil.Process(build.pid).children(recursive=True) if build.poll() is None else []
    os.kill(build.pid, signal.SIGKILL)
    build.wait()
    return children


def test_killed_build_goes_on_and_ends_the_same(tiny_recipe, tiny_folder, tmp_path):
    out = tmp_path / "killed"
    stored = {}
    for parts in (1, 3):
        workers = build_and_kill(tiny_recipe, out, parts)
        assert not (out / "MANIFEST.json").exists()
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert not alive, "workers outlived the build"
        now = {path.name: path.stat().st_mtime_ns for path in out.glob(f"{WORK}/parts/*.parquet")}
        assert len(now) >= parts
        assert {name: now[name] for name in stored} == stored, "finished work was done again"
        stored = now
    build_release(tiny_recipe, out)
    assert read_manifest(out) == read_manifest(tiny_folder)
    assert not (out / WORK).exists()


def test_ctrl_c_stops_at_once_in_one_line(tiny_recipe, tmp_path):
    command = [sys.executable, "-m", "synthatoms", "dataset", "build", str(tiny_recipe), "--workers", "2", "--out", str(tmp_path / "out")]
    build = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True)
    deadline = time.monotonic() + 60
    while len(psutil.Process(build.pid).children()) < 3 and time.monotonic() < deadline:  # two workers and their resource tracker
        time.sleep(0.05)
    workers = psutil.Process(build.pid).children()
    os.killpg(build.pid, signal.SIGINT)
    _, stderr = build.communicate(timeout=30)
    assert build.returncode == 130
    assert stderr.strip() == "synthatoms: stopped; the same command goes on from here"
    assert not psutil.wait_procs(workers, timeout=20)[1]


def test_rejected_frames_are_counted_and_listed(tmp_path):
    recipe = write_tiny_recipe(tmp_path / "r.toml", min_distance="1.3", densities="[1.5, 3.0]", anneal_temperatures="[2000, 3000, 4000]")
    manifest = read_manifest(build_release(recipe, tmp_path / "out"))
    assert manifest.counts.rejected == len(manifest.rejects) > 0
    assert {reject.check for reject in manifest.rejects} >= {"too_close"}
    assert manifest.counts.structures + len(manifest.rejects) == 6 * 7


def test_finished_release_is_left_alone(tiny_recipe, tiny_folder):
    before = {path: path.stat().st_mtime_ns for path in tiny_folder.rglob("*")}
    build_release(tiny_recipe, tiny_folder)
    assert {path: path.stat().st_mtime_ns for path in tiny_folder.rglob("*")} == before


def test_release_is_immutable(copy_of_tiny, tmp_path):
    other = write_tiny_recipe(tmp_path / "other.toml", seed="1")
    with pytest.raises(ReleaseError, match="got another release, tiny"):
        build_release(other, copy_of_tiny)


def test_foreign_folder_is_refused_untouched(tiny_recipe, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ReleaseError, match=r"folder with thesis\.tex"):
        build_release(tiny_recipe, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_teacher_that_does_not_know_the_element_is_refused(tmp_path):
    recipe = write_tiny_recipe(tmp_path / "r.toml", element='"Si"')
    with pytest.raises(PotentialError, match="expected a potential for Si, got one for C"):
        build_release(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_work_with_other_potentials_is_not_gone_on_with(tiny_recipe, tmp_path):
    with claim(tmp_path / "out", "work of another teacher"):
        pass
    with pytest.raises(ReleaseError, match="with these potentials and engines"):
        build_release(tiny_recipe, tmp_path / "out")


def test_two_builds_do_not_share_a_folder(tiny_recipe, tmp_path):
    with claim(tmp_path, "first"), pytest.raises(ReleaseError, match="one build at a time"), claim(tmp_path, "first"):
        pass


def test_manifest_says_who_labelled_and_what_moved(tiny_folder):
    manifest = read_manifest(tiny_folder)
    assert manifest.teacher.name == "c-gap-mini"
    assert manifest.teacher.engine.startswith("quippy")
    assert manifest.driver.name == "tersoff SiC_Erhart-Albe.tersoff"
    assert manifest.recipe["name"] == "tiny"
