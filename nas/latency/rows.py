"""Measured networks as arrays: what a fit reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.arrays import Array, Mask
from nas.latency.devices import Device
from nas.latency.records import Record
from nas.readers.features import FEATURE_NAMES, read_features, values_of

__all__ = ["MIN_GRAPHS", "Rows", "rows_of"]

MIN_GRAPHS = 5


@dataclass(frozen=True)
class Rows:
    """One row per distinct graph; a graph measured several times has the median time.

    Args:
        names: As the records call them, joined where several records are one graph.
        graphs: As deployed.
        features: Rows x `FEATURE_NAMES`.
        times: In milliseconds.
        groups: Rows with one number are left out together in every test.
        node_ms: Of each row, the time of each node; empty where it is not known. Of a graph
            measured several times, those of the measurement nearest the median.
    """

    names: tuple[str, ...]
    graphs: tuple[Graph, ...]
    features: Array
    times: Array
    groups: NDArray[np.intp]
    node_ms: tuple[tuple[float, ...], ...]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def lookalikes(self) -> "Rows":
        """The same, with rows that no term tells apart, such as mirrored graphs, in one group."""
        groups = np.unique(self.features, axis=0, return_inverse=True)[1].reshape(-1)
        return replace(self, groups=groups)

    def design(self, terms: Sequence[str]) -> Array:
        """Rows x `terms`."""
        found: Array = self.features[:, [FEATURE_NAMES.index(name) for name in terms]]
        return found

    def only(self, kept: Mask) -> "Rows":
        """The rows where `kept` is true."""
        places = np.flatnonzero(kept)
        return Rows(
            names=tuple(self.names[i] for i in places),
            graphs=tuple(self.graphs[i] for i in places),
            features=self.features[kept],
            times=self.times[kept],
            groups=self.groups[kept],
            node_ms=tuple(self.node_ms[i] for i in places),
        )


def rows_of(device: Device, records: Sequence[Record]) -> Rows:
    """The records of `device` that its model may be fitted to.

    Raises:
        DeviceError: Too few distinct graphs.
    """
    alike: dict[str, list[Record]] = {}
    for record in records:
        if record.used_for_fit and record.graph is not None:
            alike.setdefault(record.graph.deployed.digest, []).append(record)
    graphs = tuple(same[0].graph.deployed for same in alike.values() if same[0].graph is not None)
    features = [
        values_of(read_features(g, height=device.height, width=device.width)) for g in graphs
    ]
    rows = Rows(
        names=tuple(", ".join(dict.fromkeys(r.network for r in same)) for same in alike.values()),
        graphs=graphs,
        features=np.array(features).reshape(len(graphs), len(FEATURE_NAMES)),
        times=np.array([float(np.median([r.latency_ms for r in s])) for s in alike.values()]),
        groups=np.arange(len(graphs)),
        node_ms=tuple(map(_node_ms, alike.values())),
    )
    if len(rows) < MIN_GRAPHS:
        raise DeviceError(
            f"{device.name} has rows of {len(rows)} distinct graphs, and a fit needs {MIN_GRAPHS}",
            device.way_to_measure,
        )
    return rows


def _node_ms(same: Sequence[Record]) -> tuple[float, ...]:
    """Of the record with times of nodes whose whole is nearest the median of all."""
    median = float(np.median([record.latency_ms for record in same]))
    told = [record for record in same if record.node_ms]
    near = min(told, key=lambda record: abs(record.latency_ms - median), default=None)
    return near.node_ms if near else ()
