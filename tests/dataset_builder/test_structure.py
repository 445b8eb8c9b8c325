from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list

from dataset_builder.errors import LabelError
from dataset_builder.structure import Structure, partition_residual


def from_ase(atoms) -> Structure:
    return Structure(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)


@pytest.mark.parametrize(
    ("atoms", "cutoff", "expected"), [(bulk("C", "diamond", a=3.57, cubic=True), 1.85, 4), (bulk("Si"), 2.6, 4), (bulk("Al"), 3.0, 12)]
)
def test_coordination_numbers_of_crystals(atoms, cutoff, expected):
    assert (from_ase(atoms).coordination_numbers(cutoff) == expected).all()


def test_neighbour_pairs_agree_with_ase_in_a_cell_smaller_than_the_cutoff():
    atoms = bulk("C", "diamond", a=3.57).repeat((1, 2, 1))
    atoms.rattle(0.1, seed=1)
    first, distance = from_ase(atoms).neighbour_pairs(5.0)
    expected_first, expected_distance = neighbor_list("id", atoms, 5.0)
    np.testing.assert_array_equal(np.bincount(first), np.bincount(expected_first))
    np.testing.assert_allclose(np.sort(distance), np.sort(expected_distance), atol=1e-12)


def test_shortest_distance_is_infinite_when_nothing_is_near():
    lonely = Structure([6], np.zeros((1, 3)), 10 * np.eye(3), np.ones(3))
    assert lonely.shortest_distance(2.0) == np.inf


def test_atoms_without_neighbours_have_coordination_zero():
    pair_and_one = Structure([6, 6, 6], [[0, 0, 0], [1.4, 0, 0], [5, 5, 5]], 10 * np.eye(3), np.ones(3))
    assert pair_and_one.coordination_numbers(1.85).tolist() == [1, 1, 0]
    assert pair_and_one.shortest_distance(2.0) == pytest.approx(1.4)


def test_digest_changes_with_the_last_bit_of_a_position():
    moved = np.zeros((1, 3))
    moved[0, 0] = np.nextafter(0, 1)
    one, other = (Structure([6], x, np.eye(3), np.ones(3)) for x in (np.zeros((1, 3)), moved))
    assert one.digest() != other.digest()


def test_wrong_shape_is_refused_in_one_line():
    with pytest.raises(LabelError, match=r"positions: expected shape \(2, 3\), got \(1, 3\)"):
        Structure([6, 6], np.zeros((1, 3)), np.eye(3), np.ones(3))


@pytest.mark.parametrize("energies", [np.array([]), np.zeros((2, 1)), np.array([np.nan])])
def test_partition_residual_refuses_what_has_none(energies):
    with pytest.raises(LabelError):
        partition_residual(energies, 0.0)
