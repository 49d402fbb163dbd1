"""Adam as a stage uses it: fused, with a rate and a state that a captured step reads in place."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas.train.hardware import Hardware
from nas.train.stages import Stage

__all__ = ["Adam", "below"]


class Adam:
    """The optimiser of some parameters.

    Args:
        parameters: By what multiplies the rate of the stage for them.
        stage: Whose betas and epsilon it has.
        hardware: Where the parameters are.
    """

    def __init__(
        self, parameters: Mapping[float, Sequence[nn.Parameter]], stage: Stage, hardware: Hardware
    ) -> None:
        self._factors = [factor for factor, found in parameters.items() if found]
        groups = [
            {
                "params": list(found),
                "lr": torch.zeros((), device=hardware.device) if hardware.is_cuda else 0.0,
            }
            for found in parameters.values()
            if found
        ]
        self._adam = torch.optim.Adam(groups, betas=stage.betas, eps=stage.epsilon, fused=True)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """In the order of the state."""
        return [p for group in self._adam.param_groups for p in group["params"]]

    def set_rate(self, rate: float) -> None:
        """The rate of the steps that follow."""
        for group, factor in zip(self._adam.param_groups, self._factors, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor

    def drop_gradients(self) -> None:
        """Forgets the gradients, whose memory the next ones need not take."""
        self._adam.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Moves the parameters along their gradients."""
        self._adam.step()

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Allows `step` to be captured, if one that was not has made the state before."""
        self.drop_gradients()  # those of the captured step lie where it writes them
        for group in self._adam.param_groups:
            group["capturable"] = True
        try:
            yield
        finally:
            for group in self._adam.param_groups:  # else torch warns of steps that are not captured
                group["capturable"] = False

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs, by name; not copied."""
        return {
            f"{i}/{name}": x
            for i, parameter in enumerate(self.parameters)
            for name, x in self._adam.state[parameter].items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Copies a state in, wherever its tensors are; that before the first step is empty."""
        for i, parameter in enumerate(self.parameters):
            held, found = self._adam.state[parameter], below(f"{i}/", state)
            if not found:
                held.clear()
            for name, x in found.items():
                if name not in held:  # else in place: a captured step reads it there
                    like = parameter.detach() if x.ndim else x.to(parameter.device)
                    held[name] = torch.empty_like(like)
                held[name].copy_(x)


def below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `state` holds under a prefix, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
