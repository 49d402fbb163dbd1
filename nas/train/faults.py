"""Where a training went wrong, said so that a person can act on it."""

import torch
from torch import Tensor

from nas.errors import TrainingError
from nas.graph.names import op_text
from nas.train.learner import Learner

__all__ = ["diverged"]


@torch.no_grad()
def diverged(network: Learner, x: Tensor, *, step: int, loss: float) -> TrainingError:
    """The error that names the step, the loss and the first layer whose numbers are not finite.

    Args:
        network: As it was when its loss on `x` was no longer finite.
        x: What it read, (n, c, h, w).
        step: Of the whole training, from 1.
        loss: NaN or infinite.
    """
    return TrainingError(
        f"training stopped at step {step}: the loss is {loss}; {_first_fault(network, x)}",
        "lower the learning rate, or continue from the last checkpoint with another seed",
    )


def _first_fault(network: Learner, x: Tensor) -> str:
    broken = {
        _position(name)
        for name, parameter in network.named_parameters()
        if not parameter.isfinite().all()
    }
    found: list[Tensor] = []
    for position, node in enumerate(network.graph.nodes):
        name = f"node {position}, {op_text(node.op)}"
        if str(position) in broken:
            return f"the first weights that are not finite are those of {name}"
        y = network.apply_node(position, *([found[i] for i in node.inputs] or [x]))
        if not y.isfinite().all():
            return f"the first output that is not finite is that of {name}"
        found.append(y)
    return "all layers are finite, so it is the loss itself that overflows"


def _position(parameter: str) -> str:
    """Of the node to which a parameter of this name belongs; what is of no node has none."""
    table, _, rest = parameter.partition(".")
    return rest.partition(".")[2] if table == "others" else rest.partition(".")[0]
