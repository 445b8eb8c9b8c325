"""The baselines against independent implementations, and against themselves."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Exponentiation

from baselines.features import Soap, soap_features, species_of
from baselines.mean import Mean
from baselines.neural_network import NeuralNetwork
from baselines.sparse_gpr import SparseGPR, fit_sparse
from benchmark.errors import ModelError
from benchmark.tasks import list_tasks, read_track, train_set

if TYPE_CHECKING:
    from benchmark import Environments

QUICK = {
    "mean": Mean,
    "sparse_gpr": lambda: SparseGPR(n_sparse=60, with_std=True),
    "neural_network": lambda: NeuralNetwork(width=20, depth=2, max_steps=60),
}


@pytest.fixture(scope="module")
def data(tiny_release) -> tuple[Environments, Environments]:
    """A training set of 100 and 60 other environments of the same release."""
    task = list_tasks(tiny_release, read_track("local-energy"), sizes=[310], folds=[0], seed=0)[0]
    whole = train_set(tiny_release, task)
    return whole.select(np.arange(100)), whole.select(np.arange(100, 160))


def unit_rows(n: int, d: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d)) + 1.0
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_sparse_gpr_with_all_points_is_the_exact_process_of_scikit_learn():
    train, test = unit_rows(80, 6, 0), unit_rows(30, 6, 1)
    y = np.sin(5 * train[:, 0])
    kernel = ConstantKernel(0.7**2, "fixed") * Exponentiation(DotProduct(0.0, "fixed"), 4)
    exact = GaussianProcessRegressor(kernel, alpha=0.05**2, optimizer=None).fit(train, y)
    mean, std = exact.predict(test, return_std=True)
    ours = fit_sparse(train, y, train, zeta=4, amplitude=0.7, noise=0.05)
    np.testing.assert_allclose(ours.mean(test), mean, atol=1e-6)
    np.testing.assert_allclose(ours.std(test), std, atol=1e-5)


def test_sparse_gpr_on_soap_agrees_with_scikit_learn(data):
    train, test = data
    kernel = ConstantKernel(1.0, "fixed") * Exponentiation(DotProduct(0.0, "fixed"), 4)
    soap = Soap(species_of(train))
    exact = GaussianProcessRegressor(kernel, alpha=0.01**2, optimizer=None).fit(
        soap_features(train, soap), train.labels - train.labels.mean()
    )
    model = SparseGPR(n_sparse=1_000)
    model.fit(train, seed=0)
    expected = exact.predict(soap_features(test, soap)) + train.labels.mean()
    np.testing.assert_allclose(model.predict(test).energies, expected, atol=1e-5)


def test_chunks_do_not_change_the_answer(monkeypatch):
    train, y, test = unit_rows(500, 8, 2), np.random.default_rng(3).normal(size=500), unit_rows(50, 8, 4)
    whole = fit_sparse(train, y, train[:40], zeta=2, amplitude=1.0, noise=0.1).mean(test)
    monkeypatch.setattr("baselines.sparse_gpr.CHUNK", 7)
    np.testing.assert_allclose(fit_sparse(train, y, train[:40], zeta=2, amplitude=1.0, noise=0.1).mean(test), whole, atol=1e-9)


def test_small_regulariser_is_stable():
    train, test = unit_rows(400, 5, 5), unit_rows(50, 5, 6)
    posterior = fit_sparse(train, train[:, 0] ** 2, train[:200], zeta=2, amplitude=1.0, noise=1e-4)
    np.testing.assert_allclose(posterior.mean(test), test[:, 0] ** 2, atol=1e-3)  # a quadratic lies in the kernel's span


LARGE = """
import numpy as np
from baselines.sparse_gpr import fit_sparse
from benchmark.machine import peak_memory_mib
x = np.lib.format.open_memmap({path!r}, mode="w+", dtype=float, shape=(100_000, 547))
random = np.random.default_rng(0)
for i in range(0, len(x), 10_000):
    block = random.normal(size=(10_000, 547)) + 1
    x[i:i + 10_000] = block / np.linalg.norm(block, axis=1, keepdims=True)
posterior = fit_sparse(x, x[:, 0] * 10, np.array(x[:2_000]), zeta=4, amplitude=1.0, noise=0.01)
assert np.isfinite(posterior.mean(x[:1000])).all()
print(peak_memory_mib())
"""


def test_a_hundred_thousand_environments_fit_in_four_gib(tmp_path, capsys):
    code = LARGE.format(path=str(tmp_path / "x.npy"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    with capsys.disabled():
        print(f"\npeak memory at N = 100,000, M = 2,000: {float(done.stdout):.0f} MiB")
    assert float(done.stdout) < 4 * 1024


@pytest.mark.parametrize("name", QUICK)
def test_same_seed_same_predictions(name, data, tmp_path, monkeypatch):
    train, test = data
    predictions = []
    for run, seed in enumerate((0, 0, 1)):
        monkeypatch.setenv("SYNTHATOMS_CACHE", str(tmp_path / str(run)))
        model = QUICK[name]()
        model.fit(train, seed=seed)
        predictions.append(model.predict(test.without_labels()).energies)
    np.testing.assert_array_equal(predictions[0], predictions[1])
    if name != "mean":
        assert (predictions[0] != predictions[2]).any()


@pytest.mark.parametrize("name", ["sparse_gpr", "neural_network"])
def test_learning_beats_the_floor(name, data):
    train, test = data
    errors = {}
    for kind in ("mean", name):
        model = {"mean": Mean, "sparse_gpr": SparseGPR, "neural_network": lambda: NeuralNetwork(max_steps=300)}[kind]()
        model.fit(train, seed=0)
        errors[kind] = np.abs(model.predict(test.without_labels()).energies - test.labels).mean()
    assert errors[name] < 0.6 * errors["mean"]


def test_mean_is_the_mean_of_each_element(data):
    train, test = data
    model = Mean()
    model.fit(train, seed=0)
    np.testing.assert_allclose(model.predict(test).energies, train.labels.mean())


WORKERS = """
import numpy as np
from pathlib import Path
import baselines.features as features
from benchmark import Environments
from dataset_builder.make.sources.hard_sphere import hard_sphere_cell
cells = [hard_sphere_cell("C", 12, 2.0, 0.5, seed) for seed in range(40)]
whole = Environments(cells, np.repeat(np.arange(40), 12), np.tile(np.arange(12), 40))
soap = features.Soap((6,))
alone = features.soap_features(whole, soap, Path({folder!r}) / "alone")
features.IN_PROCESS_ATOMS = 1
print(np.array_equal(alone, features.soap_features(whole, soap, Path({folder!r}) / "parallel")))
"""


def test_worker_count_does_not_change_features(tmp_path):
    """In a process of its own: LAMMPS, loaded by other tests, replaces mathematical functions and changes last digits."""
    done = subprocess.run([sys.executable, "-c", WORKERS.format(folder=str(tmp_path))], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_features_do_not_depend_on_company(data, tmp_path):
    train, _ = data
    soap = Soap(species_of(train))
    alone = soap_features(train, soap, tmp_path)
    np.testing.assert_array_equal(soap_features(train.select(np.array([5, 2])), soap, tmp_path), alone[[5, 2]])
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1.0, atol=1e-12)
    assert alone.shape[1] == 12 * 13 // 2 * 7 + 1  # symmetric pairs of radial channels × angular channels, and quippy's last entry


def test_features_are_kept_and_whole(data, tmp_path):
    train, _ = data
    soap_features(train, Soap(species_of(train)), tmp_path)
    files = list(tmp_path.iterdir())
    assert [path.suffix for path in files] == [".npy"]
    before = files[0].stat().st_mtime_ns
    soap_features(train.without_labels(), Soap(species_of(train)), tmp_path)
    assert files[0].stat().st_mtime_ns == before


def test_element_never_seen_is_refused(data, tmp_path):
    with pytest.raises(ModelError, match="atomic number 6"):
        soap_features(data[0], Soap((14,)), tmp_path)


@pytest.mark.parametrize("options", [{"width": 0}, {"learning_rate": 0.0}])
def test_network_refuses_impossible_options(options):
    with pytest.raises(ValueError, match="at least 1"):
        NeuralNetwork(**options)
