"""The ranges of a network's grids while it trains: followed, or trained."""

from typing import Literal

import torch
from torch import Tensor, nn

from nas.graph import Graph
from nas.quantize.fake import fake_quantize, grid_tensors, lsq, pact
from nas.quantize.scheme import MOVES, Grid, Scheme, grid_of
from nas.quantize.settings import RANGE_SPEED, WARMUP_STEPS
from nas.quantize.signs import unsigned_nodes

__all__ = ["RangeKind", "Ranges"]

RangeKind = Literal["minmax", "lsq", "pact", "daia"]
_KEEP = 0.999  # of the moving average, as in TensorFlow


class Ranges(nn.Module):
    """One range for each group of nodes that shares a grid.

    The extremes that each node was seen to take are kept; the range of a group spans those of its
    nodes. What is trained is a factor on ranges, in units of `RANGE_SPEED` and one at the start, so
    that a step of the optimiser moves small and large ranges alike: a factor for both ends (lsq:
    the zero point stays), one for each end (daia), or one for the upper end of what is never
    negative (pact; the other ranges follow).

    Args:
        graph: The network.
        scheme: Its own.
        kind: As in `Qat`.
    """

    low: Tensor
    high: Tensor
    factors: nn.Parameter | None
    _members: Tensor
    _trained: Tensor

    def __init__(self, graph: Graph, scheme: Scheme, kind: RangeKind) -> None:
        super().__init__()
        self.kind = kind
        self.scheme = scheme
        self.estimating = False
        self._share = 1 - _KEEP  # of what a step sees, in what is kept
        self._seen = _seen_nodes(graph, scheme)
        num_groups = max(scheme.group) + 1
        trained = [index not in scheme.fixed for index in range(num_groups)]
        if kind == "pact":
            signed = {scheme.group[i] for i in self._seen - unsigned_nodes(graph)}
            trained = [yes and index not in signed for index, yes in enumerate(trained)]
        followed = kind in ("minmax", "pact")
        self._followed = frozenset(
            i for i in self._seen if followed and not (kind == "pact" and trained[scheme.group[i]])
        )
        ends = [self._first_ends(position) for position in range(len(graph.nodes))]
        members = [[group == index for group in scheme.group] for index in range(num_groups)]
        self.register_buffer("low", torch.tensor([low for low, _ in ends]))
        self.register_buffer("high", torch.tensor([high for _, high in ends]))
        self.register_buffer("_members", torch.tensor(members), persistent=False)
        self.register_buffer("_trained", torch.tensor(trained), persistent=False)
        self.factors = None
        if kind != "minmax":
            shape = (2 if kind == "daia" else 1, num_groups)
            self.factors = nn.Parameter(torch.full(shape, 1 / RANGE_SPEED))
        self.refresh()

    def _first_ends(self, position: int) -> tuple[float, float]:
        if (grid := self.scheme.fixed.get(self.scheme.group[position])) is not None:
            return grid.low, grid.high
        if position in self._seen:
            return float("nan"), float("nan")  # until calibrated
        return float("inf"), -float("inf")  # adds nothing to the span of its group

    def begin_step(self, step: int) -> None:
        """Which ranges are estimated, and how."""
        self.estimating = self.kind == "daia" and step < WARMUP_STEPS
        self._share = 1 / (step + 1) if self.estimating else 1 - _KEEP

    @torch.no_grad()
    def see(self, position: int, x: Tensor) -> None:
        """Follows values that a node takes while training."""
        if position in (self._seen if self.estimating else self._followed):
            self._take(position, x, self._share)

    @torch.no_grad()
    def take(self, position: int, x: Tensor) -> None:
        """Makes the extremes of `x` the range of a node."""
        if position in self._seen:
            self._take(position, x, 1.0)

    def _take(self, position: int, x: Tensor, share: float) -> None:
        for kept, found in zip((self.low, self.high), x.aminmax(), strict=True):
            if share == 1:
                kept[position].copy_(found)
            else:
                kept[position].lerp_(found, share)

    def refresh(self) -> None:
        """Computes all grids anew, for the values that follow."""
        _, high = self._ends()
        self._high = high.float()
        self._scale, self._zero = grid_tensors(*self._ends())

    def _ends(self) -> tuple[Tensor, Tensor]:
        """Both ends of the range of each group, float64."""
        inf = torch.inf
        low = torch.where(self._members, self.low.double(), inf).amin(dim=1).clamp(max=0)
        high = torch.where(self._members, self.high.double(), -inf).amax(dim=1).clamp(min=0)
        if self.factors is None:
            return low, high
        factors = torch.where(self._trained, RANGE_SPEED * self.factors.double().abs(), 1.0)
        return low * factors[0], high * factors[-1]

    def quantize(self, x: Tensor, position: int) -> Tensor:
        """`x` on the grid of a node."""
        group = self.scheme.group[position]
        scale, zero = self._scale[group], self._zero[group]
        if group in self.scheme.fixed:
            return fake_quantize(x, scale.detach(), zero.detach())
        if self.kind == "lsq":
            return lsq(x, scale, zero)
        if self.kind == "pact":
            return pact(x, scale, zero, self._high[group])
        return fake_quantize(x, scale, zero)

    def values(self, codes: Tensor, position: int) -> Tensor:
        """What codes of a node, counted from its zero point and limited to the grid, stand for."""
        zero = self._zero[self.scheme.group[position]].detach()
        return torch.clamp(codes, -128 - zero, 127 - zero) * self.scale_of(position)

    def scale_of(self, position: int) -> Tensor:
        """The step of the grid of a node, without gradient."""
        return self._scale[self.scheme.group[position]].detach()

    @torch.no_grad()
    def grid(self) -> tuple[Grid, ...]:
        """The grid of each node."""
        ends = zip(*(end.tolist() for end in self._ends()), strict=True)
        found = [
            self.scheme.fixed.get(group) or grid_of(low, high)
            for group, (low, high) in enumerate(ends)
        ]
        return tuple(found[group] for group in self.scheme.group)


def _seen_nodes(graph: Graph, scheme: Scheme) -> frozenset[int]:
    """Nodes whose values make a range: not those that only move what was seen where it was made."""
    crossed = {reader for reader, _ in scheme.regrid}
    return frozenset(
        position
        for position, node in enumerate(graph.nodes)
        if scheme.group[position] not in scheme.fixed
        and position not in scheme.rectified
        and (not isinstance(node.op, MOVES) or position in crossed)
    )
