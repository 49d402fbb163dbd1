"""The network of a stage: in its train-time form, or quantised as the stage asks for."""

from nas.graph import Graph
from nas.quantize.fqsr import FqsrNetwork
from nas.quantize.qat import Kept, QatNetwork
from nas.quantize.settings import Fqsr, Qat
from nas.readers.weights import Weights
from nas.train.stages import Stage
from nas.train.trainable import Trainable

__all__ = ["Learner", "make_learner"]

Learner = Trainable | QatNetwork | FqsrNetwork


def make_learner(
    graph: Graph, weights: Weights, stage: Stage, *, seed: int, kept: Kept | None = None
) -> Learner:
    """The network that a stage trains, which begins with `weights`; those `kept` stay."""
    settings = stage.quantisation
    learner: Learner
    if isinstance(settings, Qat):
        learner = QatNetwork(graph.deployed, settings, kept=kept)
    elif isinstance(settings, Fqsr):
        learner = FqsrNetwork(graph.deployed, settings)
    else:
        learner = Trainable(graph, seed=seed, activation=stage.activation)
    learner.load_weights(weights)
    return learner
