"""Every teacher and baseline: energies of atoms do not change under permutation, translation, rotation or repetition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from baselines.mean import Mean
from baselines.neural_network import NeuralNetwork
from baselines.sparse_gpr import SparseGPR
from benchmark import Environments
from benchmark.tasks import list_tasks, read_track, train_set
from dataset_builder.make.sources.hard_sphere import hard_sphere_cell
from dataset_builder.make.teachers.gap import GapTeacher
from dataset_builder.structure import Structure

TOLERANCE = {"mean": 0.0, "sparse_gpr": 1e-7, "neural_network": 1e-3, "c-gap-mini": 1e-7}  # eV; the network is f32


def every_atom(structure: Structure) -> Environments:
    n = len(structure)
    return Environments([structure], np.zeros(n, dtype=int), np.arange(n))


@pytest.fixture(scope="module")
def energies_of(tiny_release):
    """Functions from a structure to its atoms' energies, by name."""
    task = list_tasks(tiny_release, read_track("local-energy"), sizes=[310], folds=[0], seed=0)[0]
    functions = {}
    for name, model in {
        "mean": Mean(),
        "sparse_gpr": SparseGPR(),
        "neural_network": NeuralNetwork(width=32, depth=2, max_steps=100),
    }.items():
        model.fit(train_set(tiny_release, task), seed=0)
        functions[name] = lambda structure, model=model: model.predict(every_atom(structure)).energies
    teacher = GapTeacher("c-gap-mini", Path())
    functions["c-gap-mini"] = lambda structure: teacher.label(structure).local_energies
    return functions


@pytest.mark.parametrize("name", TOLERANCE)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**16), density=st.floats(1.0, 3.0))
def test_energies_do_not_depend_on_how_atoms_are_written_down(name, energies_of, seed, density):
    random = np.random.default_rng(seed)
    cell = hard_sphere_cell("C", 10, density, 0.55, seed)
    expected = energies_of[name](cell)
    order = random.permutation(10)
    turn = Rotation.random(rng=random).as_matrix()
    moved = Structure(cell.atomic_numbers, (cell.positions[order] + random.normal(size=3)) @ turn.T, cell.cell @ turn.T, cell.pbc)
    np.testing.assert_allclose(energies_of[name](moved), expected[order], atol=TOLERANCE[name], rtol=0)
    twice = Structure(
        np.tile(cell.atomic_numbers, 2),
        np.concatenate([cell.positions, cell.positions + cell.cell[0]]),
        cell.cell * [[2], [1], [1]],
        cell.pbc,
    )
    np.testing.assert_allclose(energies_of[name](twice), np.tile(expected, 2), atol=TOLERANCE[name], rtol=0)
