"""Our speed as a ratio to a named peer, measured in the same run. Ratios are printed, never asserted."""

from __future__ import annotations

import time

import numpy as np
from ase.io import read, write
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct, Exponentiation

from baselines.sparse_gpr import fit_sparse
from dataset_builder.release.reader import open_release

CUTOFF = 1.85  # Å, between bonded and second neighbours in carbon


def seconds(work) -> float:
    """Return the shortest of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def report(benchmark, capsys, what: str, peer: str, peer_s: float) -> None:
    ratio = peer_s / benchmark.stats.stats.min
    benchmark.extra_info.update(peer=peer, peer_s=peer_s, ratio=ratio)
    with capsys.disabled():
        print(f"\n{what}: {ratio:.1f}× {peer}")


def test_sparse_gpr_against_scikit_learn(benchmark, capsys):
    random = np.random.default_rng(0)
    x = random.normal(size=(3_000, 547)) + 1
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = random.normal(size=len(x))
    kernel = Exponentiation(DotProduct(0.0, "fixed"), 4)
    peer = seconds(lambda: GaussianProcessRegressor(kernel, alpha=1e-4, optimizer=None).fit(x, y))
    benchmark.pedantic(fit_sparse, (x, y, x[:1_000]), {"zeta": 4, "amplitude": 1.0, "noise": 0.01}, rounds=3)
    report(benchmark, capsys, "fit, N = 3,000, M = 1,000", "scikit-learn's exact GaussianProcessRegressor", peer)


def test_reading_a_release_against_ase(benchmark, capsys, tiny_folder, tiny_release, tmp_path):
    frames = [tiny_release.structures.structure(i).to_ase() for i in range(len(tiny_release.structures))] * 20
    write(tmp_path / "a.extxyz", frames)
    peer = seconds(lambda: read(tmp_path / "a.extxyz", ":")) / 20
    benchmark.pedantic(lambda: open_release(tiny_folder).structures, rounds=3, warmup_rounds=1)
    report(benchmark, capsys, f"reading {len(frames) // 20} tiny structures, checksums included", "ase.io.read of extxyz", peer)


def test_coordination_numbers_against_ase(benchmark, capsys, tiny_release):
    from ase.neighborlist import neighbor_list

    structures = [tiny_release.structures.structure(i) for i in range(len(tiny_release.structures))]
    atoms = [structure.to_ase() for structure in structures]
    peer = seconds(lambda: [np.bincount(neighbor_list("i", a, CUTOFF), minlength=len(a)) for a in atoms])
    benchmark.pedantic(lambda: [s.coordination_numbers(CUTOFF) for s in structures], rounds=3)
    report(benchmark, capsys, "coordination numbers", "ase.neighborlist", peer)
