"""The floor: predict the mean training energy of the atom's element. A model that learns anything is below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmark import Prediction

if TYPE_CHECKING:
    from benchmark import Environments


class Mean:
    """The mean training energy of each element: the floor that every model must beat."""

    def fit(self, train: Environments, *, seed: int) -> None:  # noqa: ARG002 - nothing here is random
        """Keep the mean energy of each element in the training set."""
        elements = selected_elements(train)
        self._overall = float(train.labels.mean())
        self._means = {int(z): float(train.labels[elements == z].mean()) for z in np.unique(elements)}

    def predict(self, test: Environments) -> Prediction:
        """Return the element's mean, or the overall mean for an element never seen."""
        return Prediction(np.array([self._means.get(int(z), self._overall) for z in selected_elements(test)]))


def selected_elements(environments: Environments) -> np.ndarray:
    """Return the atomic number of each selected atom, shape ``(n,)``."""
    numbers = [structure.atomic_numbers for structure in environments.structures]
    starts = np.concatenate([[0], np.cumsum([len(z) for z in numbers])])
    return np.concatenate(numbers)[starts[environments.structure_index] + environments.atom_index]
