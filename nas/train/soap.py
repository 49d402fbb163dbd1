"""SOAP: Adam along the principal directions of each kernel's gradients.

A kernel is a matrix here, a row an output channel. Its gradients lie mostly along a few directions,
which Adam, weight by weight, cannot tell apart; along them it needs far fewer steps.

Source:
    Vyas et al. 2024 (arXiv:2409.11321). Both sides of a kernel are turned, input channels and taps
    as one side: with a side for each, the x3 networks here gain half as much.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas.train.adam import below
from nas.train.hardware import Hardware
from nas.train.stages import Stage

__all__ = ["Soap"]

_TURN_EVERY = 10  # steps; directions change slowly
_TURNS_AT_FIRST = 5  # in as many steps: nothing is known of the directions before
_KEEP_SEEN = 0.95  # of the products that directions are found from
_LARGEST_SIDE = 1024  # one that is longer costs more to turn than it gains


class Soap:
    """The optimiser of some parameters; biases, slopes and other vectors have plain Adam.

    Args:
        parameters: By what multiplies the rate of the stage for them.
        stage: Whose betas and epsilon it has.
        hardware: Where the parameters are.
    """

    def __init__(
        self, parameters: Mapping[float, Sequence[nn.Parameter]], stage: Stage, hardware: Hardware
    ) -> None:
        self.parameters = [p for found in parameters.values() for p in found]
        """In the order of the state."""
        self._factors = [factor for factor, found in parameters.items() for _ in found]
        self._beta, self._beta_square = stage.betas
        self._epsilon = stage.epsilon
        self._rate = torch.zeros((), device=hardware.device)
        self._count = torch.zeros((), device=hardware.device)  # of steps; a captured one adds to it
        self._moments = [_Moments(p.detach()) for p in self.parameters]

    def set_rate(self, rate: float) -> None:
        """The rate of the steps that follow."""
        self._rate.fill_(rate)

    @torch.no_grad()
    def begin_step(self, done: int) -> None:
        """Finds directions anew where it is time, before the step after `done` others."""
        if 0 < done < _TURNS_AT_FIRST or (done and done % _TURN_EVERY == 0):
            for moments in self._moments:
                moments.turn()

    def drop_gradients(self) -> None:
        """Forgets the gradients, whose memory the next ones need not take."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Moves the parameters along their gradients."""
        rows = zip(self.parameters, self._factors, self._moments, strict=True)
        taken = [(p, p.grad, factor, m) for p, factor, m in rows if p.grad is not None]
        turned = [m.follow(gradient) for _, gradient, _, m in taken]
        means, squares = [m.mean for *_, m in taken], [m.square for *_, m in taken]
        self._count += 1
        torch._foreach_lerp_(means, turned, 1 - self._beta)
        torch._foreach_mul_(squares, self._beta_square)
        torch._foreach_addcmul_(squares, turned, turned, 1 - self._beta_square)
        sizes = torch._foreach_sqrt(squares)
        torch._foreach_div_(sizes, (1 - self._beta_square**self._count).sqrt())
        torch._foreach_add_(sizes, self._epsilon)
        moves = torch._foreach_div(means, sizes)
        torch._foreach_mul_(moves, [factor for _, _, factor, _ in taken])
        torch._foreach_mul_(moves, -self._rate / (1 - self._beta**self._count))
        for (parameter, _, _, m), move in zip(taken, moves, strict=True):
            parameter.add_(m.back(move).view_as(parameter))

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Allows `step` to be captured; directions are turned between the replays, in place."""
        self.drop_gradients()  # those of the captured step lie where it writes them
        yield

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs, by name; not copied."""
        found = {"count": self._count}
        for i, moments in enumerate(self._moments):
            found |= {f"{i}/{name}": x for name, x in moments.state().items()}
        return found

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Copies a state in, wherever its tensors are."""
        self._count.copy_(state["count"])
        for i, moments in enumerate(self._moments):
            found = below(f"{i}/", state)
            for name, x in moments.state().items():
                x.copy_(found[name])


class _Side:
    """Rows or columns: the directions along which they are seen.

    Args:
        size: How many there are.
        like: Says where.
    """

    def __init__(self, size: int, like: Tensor) -> None:
        self.seen = like.new_zeros(size, size)  # mean of G G^T, of late
        self.directions = torch.eye(size, dtype=like.dtype, device=like.device)  # one a column

    def turn(self) -> None:
        """One step of power iteration towards the eigenvectors of what was seen."""
        self.directions.copy_(torch.linalg.qr(self.seen @ self.directions).Q)


class _Moments:
    """Running mean and mean square of one parameter's gradients, in directions of their own.

    Args:
        parameter: The tensor that is optimised; one of four axes is turned.
    """

    def __init__(self, parameter: Tensor) -> None:
        self._is_kernel = parameter.ndim == 4
        like = parameter.flatten(1) if self._is_kernel else parameter
        self.mean, self.square = (
            torch.zeros_like(like, memory_format=torch.contiguous_format) for _ in range(2)
        )
        self._rows, self._columns = (
            _Side(size, like) if self._is_kernel and size <= _LARGEST_SIDE else None
            for size in (like.shape if self._is_kernel else (0, 0))
        )

    def follow(self, gradient: Tensor) -> Tensor:
        """The gradient in these directions, after both sides have seen it."""
        if not self._is_kernel:
            return gradient
        flat = gradient.flatten(1)
        if self._rows is not None:
            self._rows.seen.lerp_(flat @ flat.T, 1 - _KEEP_SEEN)
        if self._columns is not None:
            self._columns.seen.lerp_(flat.T @ flat, 1 - _KEEP_SEEN)
        return self._there(flat)

    def turn(self) -> None:
        """Finds directions anew; the mean is kept, the squares are taken as they are."""
        if not self._is_kernel:
            return
        mean = self.back(self.mean)
        for side in (self._rows, self._columns):
            if side is not None:
                side.turn()
        self.mean.copy_(self._there(mean))

    def back(self, x: Tensor) -> Tensor:
        """From these directions to weights."""
        if self._rows is not None:
            x = self._rows.directions @ x
        return x if self._columns is None else x @ self._columns.directions.T

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        found = {"mean": self.mean, "square": self.square}
        for name, side in (("rows", self._rows), ("columns", self._columns)):
            if side is not None:
                found |= {f"{name}/seen": side.seen, f"{name}/directions": side.directions}
        return found

    def _there(self, x: Tensor) -> Tensor:
        if self._rows is not None:
            x = self._rows.directions.T @ x
        return x if self._columns is None else x @ self._columns.directions
