"""The bootstrap over trajectories, against a truth that is known because it was simulated."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.statistics import bootstrap_mae


def simulate(rng: np.random.Generator, n_trajectories: int) -> tuple[np.ndarray, np.ndarray]:
    """Return environments and error sums of trajectories whose own MAE is gamma-distributed around 1."""
    n = rng.integers(100, 300, n_trajectories)
    return n, n * rng.gamma(shape=4.0, scale=0.25, size=n_trajectories)


def test_interval_covers_true_mae_in_about_95_percent_of_simulations():
    rng = np.random.default_rng(1)
    intervals = [bootstrap_mae(*simulate(rng, 120), resamples=400, seed=seed) for seed in range(400)]
    coverage = np.mean([low <= 1.0 <= high for low, high in intervals])
    assert 0.92 <= coverage <= 0.975  # 95 % ± three standard errors of 400 simulations


def test_interval_is_as_wide_as_the_spread_of_trajectories_says():
    n = np.full(2_000, 50)
    sum_abs = n * np.random.default_rng(2).gamma(4.0, 0.25, 2_000)
    low, high = bootstrap_mae(n, sum_abs)
    standard_error = 0.5 / np.sqrt(2_000)  # of a mean of gamma(4, 1/4), whose deviation is 1/2
    assert (high - low) / 2 == pytest.approx(1.96 * standard_error, rel=0.1)


def test_atoms_in_a_trajectory_do_not_narrow_the_interval():
    n, sum_abs = simulate(np.random.default_rng(3), 50)
    few, many = bootstrap_mae(n, sum_abs), bootstrap_mae(1000 * n, 1000 * sum_abs)
    assert many == pytest.approx(few)


def test_long_trajectories_weigh_more():
    low, high = bootstrap_mae(np.array([1, 999] * 30), np.array([100.0, 999.0] * 30))
    assert low <= (100 + 999) / 1000 <= high < 2


def test_equal_seed_gives_equal_interval_and_another_seed_another():
    n, sum_abs = simulate(np.random.default_rng(4), 50)
    assert bootstrap_mae(n, sum_abs, seed=5) == bootstrap_mae(n, sum_abs, seed=5) != bootstrap_mae(n, sum_abs, seed=6)


@pytest.mark.parametrize("n", [[], [10], [10, 0]])
def test_fewer_than_two_tested_trajectories_give_no_interval(n: list[int]):
    assert np.isnan(bootstrap_mae(np.array(n), np.ones(len(n)))).all()
