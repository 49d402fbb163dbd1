"""Networks measured op by op, as arrays: what the fit of an op-level model reads."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nas.latency.arrays import Array, Mask
from nas.latency.op_costs import OpClass, class_of
from nas.latency.rows import Rows
from nas.readers.kernels import Kernel, read_kernels

__all__ = ["OpRows", "op_rows_of"]


@dataclass(frozen=True)
class OpRows:
    """One row per measured op.

    Args:
        kernels: All that occur, each once; places below are places among them.
        places: Of the kernel of each op.
        networks: Of each op, the row of its network.
        op_ms: Time of each op.
        times: Of the networks, in milliseconds.
        groups: Networks with one number are left out together in every test.
    """

    kernels: tuple[Kernel, ...]
    places: NDArray[np.intp]
    networks: NDArray[np.intp]
    op_ms: Array
    times: Array
    groups: NDArray[np.intp]

    def only(self, kept: Mask) -> "OpRows":
        """The networks where `kept` is true; `kernels` stays whole."""
        ops = kept[self.networks]
        return replace(
            self,
            places=self.places[ops],
            networks=(np.cumsum(kept) - 1)[self.networks[ops]],
            op_ms=self.op_ms[ops],
            times=self.times[kept],
            groups=self.groups[kept],
        )

    def network(self, row: int) -> list[Kernel]:
        """The kernels of one network."""
        return [self.kernels[place] for place in self.places[self.networks == row]]

    @cached_property
    def counts(self) -> Array:
        """How often each kernel occurs, networks x kernels."""
        found = np.zeros((len(self.times), len(self.kernels)))
        np.add.at(found, (self.networks, self.places), 1)
        return found

    @cached_property
    def mean_ms(self) -> Array:
        """Of each kernel; 0 where it does not occur."""
        spent = np.bincount(self.places, self.op_ms, minlength=len(self.kernels))
        found: Array = spent / np.maximum(self.counts.sum(axis=0), 1)
        return found

    @cached_property
    def classes(self) -> tuple[frozenset[OpClass], frozenset[OpClass]]:
        """Those of which most ops cost nothing, and the others."""
        seen: dict[OpClass, list[float]] = {}
        for place, ms in zip(self.places, self.op_ms, strict=True):
            seen.setdefault(class_of(self.kernels[place]), []).append(ms)
        free = frozenset(name for name, times in seen.items() if np.median(times) == 0)
        return free, frozenset(seen) - free


def op_rows_of(rows: Rows, *, height: int, width: int) -> OpRows:
    """The ops of `rows`, each of which has `node_ms`, at an input of `height` x `width` pixels."""
    found = [read_kernels(graph, height=height, width=width) for graph in rows.graphs]
    places = {kernel: place for place, kernel in enumerate(dict.fromkeys(chain(*found)))}
    return OpRows(
        kernels=tuple(places),
        places=np.array([places[kernel] for kernels in found for kernel in kernels]),
        networks=np.repeat(np.arange(len(found)), [len(kernels) for kernels in found]),
        op_ms=np.concatenate([np.array(node_ms) for node_ms in rows.node_ms]),
        times=rows.times,
        groups=rows.groups,
    )
