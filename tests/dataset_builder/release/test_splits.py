from __future__ import annotations

import numpy as np
import pytest

from dataset_builder.release.splits import SIZES, _splitmix, assign_folds, sizes_up_to, train_order

IDS = np.array([3, 10, 11, 40], dtype=np.int32)
N_ATOMS = np.array([5, 1, 700, 64])


def test_folds_are_balanced_and_do_not_depend_on_arrival_order():
    ids = np.arange(546)
    folds = assign_folds(ids, folds=5, seed=1)
    assert np.ptp(np.bincount(folds)) <= 1
    shuffled = np.random.default_rng(0).permutation(546)
    np.testing.assert_array_equal(assign_folds(ids[shuffled], folds=5, seed=1), folds[shuffled])
    assert (assign_folds(ids, folds=5, seed=2) != folds).any()


def test_order_holds_each_environment_once_whatever_the_order_of_structures():
    structure, atom = train_order(IDS, N_ATOMS, fold=0, seed=1)
    assert sorted(zip(structure.tolist(), atom.tolist(), strict=True)) == [
        (s, a) for s, n in zip(IDS.tolist(), N_ATOMS.tolist(), strict=True) for a in range(n)
    ]
    again = train_order(IDS[::-1], N_ATOMS[::-1], fold=0, seed=1)
    np.testing.assert_array_equal(np.stack(again), np.stack([structure, atom]))


def test_folds_and_seeds_have_orders_of_their_own():
    orders = [np.stack(train_order(IDS, N_ATOMS, fold=f, seed=s)) for f, s in ((0, 1), (1, 1), (0, 2))]
    assert (orders[0] != orders[1]).any()
    assert (orders[0] != orders[2]).any()


def test_hash_is_splitmix64():
    """First output of SplitMix64 started from 0, as in the generator's published code (Vigna, prng.di.unimi.it/splitmix64.c)."""
    assert int(_splitmix(np.zeros(1, dtype=np.uint64))[0]) == 0xE220A8397B1DCDAF


def test_order_is_uniform_over_structures():
    structure, _ = train_order(np.arange(10), np.full(10, 10_000), fold=0, seed=3)
    first = np.bincount(structure[:10_000], minlength=10)
    chi2 = ((first - 1_000) ** 2 / 1_000).sum()  # 9 degrees of freedom; sampling without replacement makes it smaller
    assert chi2 < 27.9  # 99.9 % quantile, NIST table of the chi-square distribution


def test_order_stops_at_the_largest_size():
    structure, _ = train_order(np.arange(2), np.array([700_000, 700_000]), fold=0, seed=0)
    assert len(structure) == SIZES[-1] == 1_000_000


@pytest.mark.parametrize(("n", "largest"), [(99, None), (100, 100), (12_288, 10_000), (10**9, 1_000_000)])
def test_a_release_stops_where_its_data_does(n, largest):
    assert (sizes_up_to(n) or [None])[-1] == largest
