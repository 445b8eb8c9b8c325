"""A multilayer perceptron on standardised SOAP: the published network (CELU, Adam, early stopping).

Source: Gardner, Faure Beaulieu & Deringer, Digital Discovery 2, 651 (2023). Ours differs in the learning-rate schedule
(one cycle instead of exponential decay), which reaches the same error in far fewer epochs.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.features import SoapOfTraining
from benchmark import Prediction

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from benchmark import Environments

VALIDATION_SHARE = 0.1
PREDICT_BATCH = 16_384


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Shift and scale that give training data mean 0 and standard deviation 1, column by column."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Standardiser:
        """Return the standardiser of some rows; a column that does not vary is only shifted."""
        spread = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(spread > 1e-12, spread, 1.0))

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Return standardised values."""
        return (values - self.mean) / self.scale

    def backward(self, values: np.ndarray) -> np.ndarray:
        """Return values in their own units again."""
        return values * self.scale + self.mean


class NeuralNetwork:
    """Multilayer perceptron: standardised SOAP (12, 6), CELU, Adam, early stopping (the published network).

    Parameters
    ----------
    width, depth
        Units in a hidden layer, number of hidden layers.
    learning_rate
        Peak of the one-cycle schedule.
    batch_size
        Environments in a step.
    max_steps
        Steps of the whole schedule, if it is not stopped before.
    patience
        Validations without a better error after which training stops; there are 50 in a schedule.
    n_max, l_max, cutoff, sigma
        SOAP settings [-, -, Å, Å].
    """

    def __init__(
        self,
        *,
        width: int = 200,
        depth: int = 3,
        learning_rate: float = 3e-3,
        batch_size: int = 128,
        max_steps: int = 3_000,
        patience: int = 15,
        n_max: int = 12,
        l_max: int = 6,
        cutoff: float = 3.7,
        sigma: float = 0.5,
    ) -> None:
        if min(width, depth, batch_size, max_steps, patience) < 1 or learning_rate <= 0:
            raise ValueError("width, depth, batch_size, max_steps and patience must be at least 1, learning_rate positive")
        self.width, self.depth = width, depth
        self.learning_rate = learning_rate
        self.batch_size, self.max_steps, self.patience = batch_size, max_steps, patience
        self._features = SoapOfTraining(n_max=n_max, l_max=l_max, cutoff=cutoff, sigma=sigma)

    def prepare(self, environments: Environments) -> None:
        """Compute and keep the descriptors."""
        self._features(environments)

    def fit(self, train: Environments, *, seed: int) -> None:
        """Train on nine tenths of the environments and stop by the error on the rest."""
        import torch

        features, energies = self._features(train), train.labels
        self._inputs, self._outputs = Standardiser.of(features), Standardiser.of(energies[:, None])
        x, y = _float32(self._inputs.forward(features)), _float32(self._outputs.forward(energies[:, None]))
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(x), generator=generator)
        held = max(1, round(VALIDATION_SHARE * len(x)))
        self._network = _perceptron(x.shape[1], self.width, self.depth, generator)
        self._train(x[order[held:]], y[order[held:]], x[order[:held]], y[order[:held]], generator)

    def predict(self, test: Environments) -> Prediction:
        """Return energies [eV]."""
        features = self._features(test)
        parts = [self._forward(features[start : start + PREDICT_BATCH]) for start in range(0, len(features), PREDICT_BATCH)]
        return Prediction(np.concatenate(parts))

    def _train(self, x: Tensor, y: Tensor, x_held: Tensor, y_held: Tensor, generator: torch.Generator) -> None:
        import torch

        optimiser = torch.optim.Adam(self._network.parameters(), lr=self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.learning_rate, total_steps=self.max_steps)
        best, since, kept = float("inf"), 0, self._network.state_dict()
        every = max(1, self.max_steps // 50)
        for step in range(1, self.max_steps + 1):
            rows = torch.randint(len(x), (min(self.batch_size, len(x)),), generator=generator)
            loss = torch.nn.functional.mse_loss(self._network(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % every:
                continue
            error = self._error(x_held, y_held)
            best, since, kept = (error, 0, copy.deepcopy(self._network.state_dict())) if error < best else (best, since + 1, kept)
            if since >= self.patience:
                break
        self._network.load_state_dict(kept)

    def _error(self, x: Tensor, y: Tensor) -> float:
        import torch

        with torch.no_grad():
            return float((self._network(x) - y).abs().mean())

    def _forward(self, features: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            standardised = self._network(_float32(self._inputs.forward(features))).double().numpy()
        energies: np.ndarray = self._outputs.backward(standardised)[:, 0]
        return energies


def _perceptron(inputs: int, width: int, depth: int, generator: torch.Generator) -> nn.Sequential:
    from torch import nn

    sizes = [inputs, *[width] * depth]
    layers: list[Any] = []
    for before, after in itertools.pairwise(sizes):
        layers += [_linear(before, after, generator), nn.CELU()]
    return nn.Sequential(*layers, _linear(width, 1, generator))


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """Return a layer whose weights come from `generator` and not from torch's global state."""
    import torch
    from torch import nn

    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    bound = inputs**-0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return layer


def _float32(values: np.ndarray) -> Tensor:
    import torch

    return torch.tensor(np.asarray(values, dtype=np.float32))  # a copy in aligned memory: last digits depend on alignment
