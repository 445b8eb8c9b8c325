"""Run models across fixed data-size splits of a release and score their predictions."""

from benchmark.environments import Environments
from benchmark.model import Model, Prediction

__all__ = ["Environments", "Model", "Prediction"]
