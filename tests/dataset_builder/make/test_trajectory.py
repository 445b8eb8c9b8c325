"""Sources, driver, teacher and checks, one at a time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from dataset_builder.errors import PotentialError, RecipeError
from dataset_builder.make.checks import check_labels, check_structure
from dataset_builder.make.drivers.base import DriverError, Segment, State, at_temperature
from dataset_builder.make.drivers.lammps import LammpsDriver
from dataset_builder.make.recipe import find_recipe, read_recipe
from dataset_builder.make.sources.hard_sphere import hard_sphere_cell
from dataset_builder.make.teachers.gap import GapTeacher
from dataset_builder.make.trajectory import schedule
from dataset_builder.structure import Labels, Structure

RECIPE = read_recipe(find_recipe("demo"))
SEGMENT = Segment(start=3000, end=3000, steps=200, timestep=0.001, damping=0.1, seed=7)


@pytest.fixture(scope="module")
def driver() -> LammpsDriver:
    return LammpsDriver("tersoff", "SiC_Erhart-Albe.tersoff", Path())


@pytest.fixture(scope="module")
def teacher() -> GapTeacher:
    return GapTeacher("c-gap-mini", Path())


def melt(n: int = 32) -> State:
    return at_temperature(hard_sphere_cell("C", n, 2.0, 0.5, seed=1), 3000, seed=2)


@pytest.mark.parametrize(("element", "density"), [("C", 3.5), ("Si", 2.3)])
def test_hard_spheres_have_the_density_and_do_not_overlap(element, density):
    cell = hard_sphere_cell(element, 64, density, 0.5, seed=3)
    mass = {"C": 12.011, "Si": 28.085}[element] * 64 / 6.02214076e23  # g; Avogadro's constant, SI 2019
    assert mass / (np.linalg.det(cell.cell) * 1e-24) == pytest.approx(density, rel=1e-4)
    assert cell.shortest_distance(1.5) >= 1.0


def test_spheres_that_cannot_fit_are_refused():
    with pytest.raises(RecipeError, match="no room"):
        hard_sphere_cell("C", 64, 3.5, 1.2, seed=0)


def test_velocities_have_the_temperature_and_no_drift():
    states = [at_temperature(hard_sphere_cell("C", 64, 2.0, 0.5, seed=s), 1000, seed=s) for s in range(30)]
    standard_error = 1000 * np.sqrt(2 / (3 * 63 * 30))
    assert np.mean([s.temperature() for s in states]) == pytest.approx(1000, abs=4 * standard_error)
    assert np.abs(states[0].velocities.sum(axis=0)).max() < 1e-9


def test_segment_depends_on_state_and_seed_alone(driver):
    first = driver.advance(melt(), SEGMENT)
    driver.advance(replace(first, velocities=-first.velocities), replace(SEGMENT, seed=9))  # something else in between
    again = driver.advance(melt(), SEGMENT)
    np.testing.assert_array_equal(first.structure.positions, again.structure.positions)
    np.testing.assert_array_equal(first.velocities, again.velocities)
    assert (driver.advance(melt(), replace(SEGMENT, seed=8)).velocities != first.velocities).any()


def test_thermostat_follows_the_ramp(driver):
    state = driver.advance(melt(), replace(SEGMENT, end=1000, steps=3000))
    temperatures = []
    for seed in range(40):
        state = driver.advance(state, replace(SEGMENT, start=1000, end=1000, steps=50, seed=seed + 100))
        temperatures.append(state.temperature())
    assert np.mean(temperatures) == pytest.approx(1000, rel=0.2)


def test_pair_style_that_lammps_does_not_know_is_a_wrong_recipe():
    with pytest.raises(PotentialError, match="pair style and file that LAMMPS accepts"):
        LammpsDriver("tersofff", "SiC_Erhart-Albe.tersoff", Path()).advance(melt(), SEGMENT)


def test_dynamics_that_break_down_are_an_error_with_a_reason(driver):
    hot = at_temperature(hard_sphere_cell("C", 32, 2.0, 0.5, seed=1), 1e9, seed=2)
    with pytest.raises(DriverError, match="LAMMPS"):
        driver.advance(hot, replace(SEGMENT, timestep=0.1))


def test_missing_lammps_potential_is_named(tmp_path):
    with pytest.raises(PotentialError, match=r"driver\.potential none\.tersoff: expected a file in .*no such file"):
        LammpsDriver("tersoff", "none.tersoff", tmp_path)


def test_forces_are_the_derivative_of_the_energy(teacher):
    state = melt(8).structure
    step = 1e-4
    forces = teacher.label(state).forces
    for atom, axis in ((0, 0), (3, 2)):
        shift = np.zeros((8, 3))
        shift[atom, axis] = step
        up, down = (
            teacher.label(Structure(state.atomic_numbers, state.positions + s * shift, state.cell, state.pbc)).energy for s in (1, -1)
        )
        assert -(up - down) / (2 * step) == pytest.approx(forces[atom, axis], abs=2e-4 * max(1, abs(forces[atom, axis])))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("none.xml", None, "No such file"), ("a.xml", "<GAP/>", "without GAP_params"), ("a.xml.xz", "no xz", "xz-compressed")],
)
def test_bad_potential_is_one_clear_line(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(PotentialError, match=message) as caught:
        GapTeacher(name, tmp_path)
    assert "\n" not in str(caught.value)


def test_teacher_knows_its_elements(teacher):
    assert teacher.elements == {6}


def test_potential_with_separate_sparse_points(tmp_path, monkeypatch):
    """`gap_fit` writes sparse points to files beside the XML unless told otherwise; they are found, and part of the identity."""
    cells = [melt(6).structure.to_ase() for _ in range(3)]
    for i, cell in enumerate(cells):
        cell.rattle(0.1, seed=i)
        cell.info["E_ref"] = -6.0 * len(cell) + i
    write(tmp_path / "cells.extxyz", cells)
    gap = "distance_2b cutoff=3.0 covariance_type=ard_se delta=1 theta_uniform=1.0 sparse_method=uniform n_sparse=5 add_species"
    names = "energy_parameter_name=E_ref force_parameter_name=none virial_parameter_name=none"
    command = [
        Path(sys.executable).with_name("gap_fit"),
        "at_file=cells.extxyz",
        f"gap={{{gap}}}",
        "default_sigma={0.01 0.1 0 0}",
        *names.split(),
        "e0=0.0",
        "gp_file=two.xml",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    sparse = next(tmp_path.glob("two.xml.sparseX*"))
    teacher = GapTeacher("two.xml", tmp_path)
    assert np.isfinite(teacher.label(melt(6).structure).energy)
    sparse.write_text(sparse.read_text() + "\n")
    assert GapTeacher("two.xml", tmp_path).reference.sha256 != teacher.reference.sha256
    sparse.unlink()
    with pytest.raises(PotentialError, match="file of sparse points"):
        GapTeacher("two.xml", tmp_path)


def test_schedule_is_a_ramp_of_every_stage():
    snapshots = schedule(RECIPE, 3000)
    assert [s.frame for s in snapshots] == list(range(len(snapshots)))
    assert [s.start for s in snapshots[1:]] == [s.end for s in snapshots[:-1]]
    by_stage = {s.stage: s.end for s in snapshots}
    assert by_stage == {"melt": 9000, "quench": 300, "heat": 3000, "anneal": 3000, "cool": 300}
    assert snapshots[-1].time == pytest.approx(sum(stage.duration for stage in RECIPE.dynamics.stages))


def diamond() -> Structure:
    atoms = bulk("C", "diamond", a=3.57)
    return Structure(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)


@pytest.mark.parametrize(
    ("structure", "temperature", "reason"),
    [
        (diamond(), 3000, None),
        (replace(diamond(), positions=np.full((2, 3), np.nan)), 3000, "non_finite"),
        (replace(diamond(), positions=np.array([[0, 0, 0], [0.5, 0, 0]])), 3000, "too_close"),
        (diamond(), 9000, "off_schedule"),
        (diamond(), np.nan, "off_schedule"),
    ],
)
def test_structure_checks_give_their_reason(structure, temperature, reason):
    found = check_structure(structure, temperature, 3000, RECIPE.checks)
    assert (found[0] if found else None) == reason


@pytest.mark.parametrize(
    ("energy", "local", "reason"), [(-3.0, [-1.0, -2.0], None), (np.nan, [-1.0, -2.0], "non_finite"), (-3.1, [-1.0, -2.0], "partition")]
)
def test_label_checks_give_their_reason(energy, local, reason):
    found = check_labels(Labels(energy, np.array(local), np.zeros((2, 3))), RECIPE.checks)
    assert (found[0] if found else None) == reason
