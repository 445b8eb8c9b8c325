"""Sparse Gaussian process regression on SOAP with a polynomial kernel: the published model.

With kernel matrices K between training (N), sparse (M) and test (*) environments and noise σ,

    K_MM = L Lᵀ,   V = L⁻¹ K_MN,   A = σ² 1 + V Vᵀ = L_A L_Aᵀ,   α = L⁻ᵀ A⁻¹ V y
    mean = K_*M α,   variance = k_** − |L⁻¹ k_M*|² + σ² |L_A⁻¹ L⁻¹ k_M*|²

(deterministic training conditional: Quiñonero-Candela & Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005), eqs 20;
the stable order of operations: Foster et al., J. Mach. Learn. Res. 10, 857 (2009)). With every training environment a
sparse point it is the exact Gaussian process. Training environments pass in chunks, so memory is O(M² + chunk · M).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import blas, cholesky, solve_triangular

from baselines.features import SoapOfTraining
from benchmark import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmark import Environments

CHUNK = 4_096
JITTER = 1e-10  # relative to the kernel's diagonal


@dataclass(frozen=True, eq=False)
class SparsePosterior:
    """What `fit_sparse` learns; see the module's formulas. `sparse` has shape ``(M, d)``, `alpha` ``(M,)``."""

    sparse: np.ndarray
    alpha: np.ndarray
    chol_kernel: np.ndarray
    chol_a: np.ndarray
    zeta: int
    amplitude: float
    noise: float

    def mean(self, features: np.ndarray) -> np.ndarray:
        """Return the posterior mean at features of shape ``(n, d)``; shape ``(n,)`` [eV]."""
        parts = [polynomial_kernel(features[rows], self.sparse, self.zeta, self.amplitude) @ self.alpha for rows in _chunks(len(features))]
        return np.concatenate(parts)

    def std(self, features: np.ndarray) -> np.ndarray:
        """Return the posterior standard deviation of the noise-free energy, shape ``(n,)`` [eV]."""
        return np.concatenate([self._std_of(features[rows]) for rows in _chunks(len(features))])

    def _std_of(self, features: np.ndarray) -> np.ndarray:
        v = _solve_lower(self.chol_kernel, polynomial_kernel(self.sparse, features, self.zeta, self.amplitude))
        w = _solve_lower(self.chol_a, v)
        own = self.amplitude**2 * (features**2).sum(axis=1) ** self.zeta
        return np.sqrt(np.maximum(own - (v**2).sum(axis=0) + self.noise**2 * (w**2).sum(axis=0), 0.0))


def fit_sparse(
    features: np.ndarray, energies: np.ndarray, sparse: np.ndarray, *, zeta: int, amplitude: float, noise: float
) -> SparsePosterior:
    """Condition a sparse Gaussian process of mean zero on energies.

    Parameters
    ----------
    features
        Training features, shape ``(N, d)``; may be a memory map.
    energies
        Shape ``(N,)`` [eV].
    sparse
        Features of the sparse points, shape ``(M, d)``.
    zeta, amplitude, noise
        Kernel power; prior and noise standard deviation [eV].
    """
    kernel = polynomial_kernel(sparse, sparse, zeta, amplitude)
    kernel[np.diag_indices_from(kernel)] += JITTER * amplitude**2
    chol_kernel = cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
    a = np.asfortranarray(noise**2 * np.eye(len(sparse)))
    b = np.zeros(len(sparse))
    for rows in _chunks(len(features)):
        v = _solve_lower(chol_kernel, polynomial_kernel(sparse, features[rows], zeta, amplitude))
        a = blas.dsyrk(1.0, v, beta=1.0, c=a, lower=True, overwrite_c=True)
        b += v @ energies[rows]
    chol_a = cholesky(a, lower=True, overwrite_a=True, check_finite=False)
    beta = solve_triangular(chol_a, _solve_lower(chol_a, b), lower=True, trans="T", check_finite=False)
    alpha = solve_triangular(chol_kernel, beta, lower=True, trans="T", check_finite=False)
    return SparsePosterior(sparse, alpha, chol_kernel, chol_a, zeta, amplitude, noise)


def polynomial_kernel(left: np.ndarray, right: np.ndarray, zeta: int, amplitude: float) -> np.ndarray:
    """Return ``amplitude² (left · right)^zeta``, shape ``(len(left), len(right))`` [eV²]."""
    kernel: np.ndarray = left @ right.T
    np.power(kernel, zeta, out=kernel)
    kernel *= amplitude**2
    return kernel


class SparseGPR:
    """Sparse Gaussian process regression: SOAP (12, 6), polynomial kernel, random sparse points (the published GPR).

    Parameters
    ----------
    n_sparse
        Number of sparse points M; all training environments if there are fewer.
    zeta
        Power of the kernel.
    amplitude
        Prior standard deviation [eV].
    noise
        Regulariser: standard deviation of the labels about the function [eV].
    n_max, l_max, cutoff, sigma
        SOAP settings [-, -, Å, Å].
    with_std
        Whether to predict a standard deviation as well (costs M² an environment).
    """

    def __init__(
        self,
        *,
        n_sparse: int = 2_000,
        zeta: int = 4,
        amplitude: float = 1.0,
        noise: float = 0.01,
        n_max: int = 12,
        l_max: int = 6,
        cutoff: float = 3.7,
        sigma: float = 0.5,
        with_std: bool = False,
    ) -> None:
        if min(n_sparse, zeta) < 1 or min(amplitude, noise) <= 0:
            raise ValueError("n_sparse and zeta must be at least 1, amplitude and noise positive")
        self.n_sparse, self.zeta, self.amplitude, self.noise, self.with_std = n_sparse, zeta, amplitude, noise, with_std
        self._features = SoapOfTraining(n_max=n_max, l_max=l_max, cutoff=cutoff, sigma=sigma)

    def prepare(self, environments: Environments) -> None:
        """Compute and keep the descriptors."""
        self._features(environments)

    def fit(self, train: Environments, *, seed: int) -> None:
        """Choose sparse points at random and condition on all training energies."""
        features = self._features(train)
        self._offset = float(train.labels.mean())
        chosen = np.sort(np.random.default_rng(seed).permutation(len(train))[: self.n_sparse])
        self.posterior = fit_sparse(
            features, train.labels - self._offset, np.array(features[chosen]), zeta=self.zeta, amplitude=self.amplitude, noise=self.noise
        )

    def predict(self, test: Environments) -> Prediction:
        """Return posterior mean, and standard deviation if asked for."""
        features = self._features(test)
        std = self.posterior.std(features) if self.with_std else None
        return Prediction(self.posterior.mean(features) + self._offset, std)


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))


def _solve_lower(chol: np.ndarray, right: np.ndarray) -> np.ndarray:
    solution: np.ndarray = solve_triangular(chol, right, lower=True, check_finite=False)
    return solution
