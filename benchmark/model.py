"""The model contract, and how a model is found by name or by ``package.module:Class``."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import math
import re
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from benchmark.errors import ModelError

Option = str | int | float | bool

if TYPE_CHECKING:
    from benchmark.environments import Environments

ENTRY_POINTS = "synthatoms.models"
REQUIRED = ("fit", "predict")


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of some environments.

    Attributes
    ----------
    energies
        Shape ``(n,)`` [eV].
    std
        The model's own standard deviation of each, shape ``(n,)`` [eV]; None if it has none.
    """

    energies: np.ndarray
    std: np.ndarray | None = None


class Model(Protocol):
    """A regression model of per-atom energies. Its constructor takes only keyword options.

    A model may also have ``prepare(environments)``, which computes and keeps whatever does not depend on energies
    (descriptors); the runner calls it on the training set before `fit`, and on the test set between `fit` and `predict`,
    and reports its time apart, because a cache may answer.
    """

    def fit(self, train: Environments, *, seed: int) -> None:
        """Learn from environments with energies; equal seeds give equal models."""
        ...

    def predict(self, test: Environments) -> Prediction:
        """Return energies of environments, in their order."""
        ...


@dataclass(frozen=True)
class ModelSource:
    """A model's class with the names it goes by: `name` for people, `path` for finding it again."""

    name: str
    path: str
    description: str
    factory: type[Any]

    def code_digest(self) -> str:
        """Return the SHA-256 of the file that defines the class: predictions of other code are not gone on with."""
        file = inspect.getsourcefile(self.factory)
        return hashlib.sha256(Path(file).read_bytes() if file else b"").hexdigest()

    def settings(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return these options with the defaults of all others: what a result must state."""
        parameters = inspect.signature(self.factory).parameters.items()
        stated = {name: p.default for name, p in parameters if isinstance(p.default, Option)} | options
        return {name: str(value) if isinstance(value, float) and not math.isfinite(value) else value for name, value in stated.items()}

    def make(self, options: dict[str, Any]) -> Model:
        """Return a model with these options.

        Raises
        ------
        ModelError
            If the class has no such option, or refuses its value.
        """
        known = [
            name for name, p in inspect.signature(self.factory).parameters.items() if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        for name in options:
            if name not in known:
                raise ModelError(
                    f"option {name} of {self.name}",
                    expected=f"one of {', '.join(known) or 'none'}",
                    got=f"{name!r}",
                    remedy="correct its name",
                )
        try:
            model: Model = self.factory(**options)
        except Exception as error:
            raise ModelError(
                f"options of {self.name}", expected="values that the model accepts", got=error, remedy="correct the options"
            ) from error
        return model


def find_model(name: str) -> ModelSource:
    """Return the model of a registered name, or of ``package.module:Class``; the current folder is searched too.

    Raises
    ------
    ModelError
        If there is no such model, or it lacks a method of the contract.
    """
    registered = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}
    path = registered.get(name, name)
    if not re.fullmatch(r"[\w.]*\w:\w+", path) or path.startswith("."):
        raise ModelError(
            f"model {name}",
            expected=f"one of {', '.join(sorted(registered))}, or package.module:Class",
            got="an unknown name",
            remedy="correct the name",
        )
    factory = _import_class(path)
    for method in REQUIRED:
        if not callable(getattr(factory, method, None)):
            raise ModelError(
                f"model {path}",
                expected="a class with fit(train, *, seed) and predict(test)",
                got=f"one without {method}",
                remedy=f"add {method}; see CONTRIBUTING.md",
            )
    shown = name if name in registered else factory.__name__
    return ModelSource(shown, path, (inspect.getdoc(factory) or "").split("\n\n")[0].replace("\n", " "), factory)


def _import_class(path: str) -> type[Any]:
    module_name, _, class_name = path.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ModelError(
            f"model {path}",
            expected="an importable module",
            got=error,
            remedy="run from the folder that holds it, or install what it needs",
        ) from error
    factory = getattr(module, class_name, None)
    if not isinstance(factory, type):
        raise ModelError(
            f"model {path}", expected=f"a class {class_name} in {module_name}", got="none", remedy="correct the name after the colon"
        )
    return factory


def check_prediction(prediction: Prediction, n: int, name: str) -> None:
    """Raise `ModelError` unless a prediction has one finite energy (and a non-negative std) for each of `n` environments."""
    if not isinstance(prediction, Prediction):
        raise ModelError(
            f"what {name} predicts", expected="a benchmark.Prediction", got=type(prediction).__name__, remedy="return Prediction(energies)"
        )
    _check_values("energies", prediction.energies, n, name)
    if prediction.std is not None:
        _check_values("std", prediction.std, n, name)
        if prediction.std.min(initial=0.0) < 0:
            raise ModelError(f"std predicted by {name}", expected="no negative value", got=prediction.std.min(), remedy="mend the model")


def _check_values(kind: str, values: np.ndarray, n: int, name: str) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        raise ModelError(
            f"{kind} predicted by {name}",
            expected="a numpy array of floats",
            got=getattr(values, "dtype", type(values).__name__),
            remedy="convert it with np.asarray(…, dtype=float)",
        )
    if values.shape != (n,):
        raise ModelError(
            f"{kind} predicted by {name}",
            expected=f"shape ({n},)",
            got=values.shape,
            remedy="return one value per environment",
        )
    if not np.isfinite(values).all():
        raise ModelError(
            f"{kind} predicted by {name}",
            expected="finite values",
            got=f"{int((~np.isfinite(values)).sum())} that are not",
            remedy="mend the model",
        )
