"""How good the latency models are, on networks they have not seen, against simpler predictors.

    python benchmarks/latency.py [--device NAME ...] [--json]

Reads the rows of the shipped devices and measures nothing. Each device is predicted

- `left out`: each distinct graph by a model made without it, all choices made anew;
- `lookalikes`: the same with graphs that no term tells apart left out together;
- `fresh`: networks that were measured and kept back, by the model fitted to the others;
- `few`: the same networks by a model made from another device's and eight rows.

The last line is the time of 10,000 predictions on one core.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nas.latency.devices import Device, load_device
from nas.latency.fresh import judge
from nas.latency.kinds import fit_model
from nas.latency.making import Evidence, read_evidence
from nas.latency.records import median_noise
from nas.latency.rows import Rows
from nas.latency.validate import validate
from nas.space import load_space
from nas.zoo import zoo_graph

LEFT_OUT = (
    "synaptics-vs680",
    "synaptics-vs680-cpu",
    "synaptics-vs680-2021",
    "synaptics-vs680-2021-cpu",
    "mali-g71-mp2",
)
FRESH = ("host-cpu", "ethos-u55", "ethos-u65", "ethos-u85")
FEW = {"ethos-u85": "ethos-u65"}  # a device, and the one that it starts from
FEW_ROWS = 8
PREDICTIONS = 10_000
Row = dict[str, Any]


def evidence_of(name: str) -> Evidence:
    return read_evidence(load_device(name), zoo_graph)


def left_out(evidence: Evidence) -> Iterator[Row]:
    """Each graph without itself; then also without its lookalikes, where there are any."""
    rows = evidence.rows
    assert rows is not None  # noqa: S101 - LEFT_OUT names devices with rows
    tests = {"left out": rows}
    if len(np.unique(rows.lookalikes.groups)) < len(rows):
        tests["lookalikes"] = rows.lookalikes
    for test, tested in tests.items():
        found = validate(evidence.device, tested, evidence.parent)
        for predictor, accuracy in found.accuracies.items():
            ours = asdict(found.intervals) if predictor == "this model" else {}
            yield _row(evidence.device, test, predictor, len(rows), asdict(accuracy) | ours)


def fresh(evidence: Evidence) -> Row:
    found = judge(evidence.device.model, evidence.records)
    assert found is not None  # noqa: S101 - FRESH names devices with rows kept back
    figures = asdict(found.accuracy) | asdict(found.intervals)
    row = _row(evidence.device, "fresh", "this model", found.graphs, figures)
    return row | {"noise": median_noise(evidence.records), "refused": found.refused}


def few(evidence: Evidence, parent: Device) -> Row:
    """The first rows of a sample are its most telling ones."""
    rows = evidence.rows
    assert rows is not None  # noqa: S101 - FEW names devices with rows
    model = fit_model(evidence.device, _first(rows, FEW_ROWS), parent.model)
    found = judge(model, evidence.records)
    assert found is not None  # noqa: S101
    figures = asdict(found.accuracy) | asdict(found.intervals)
    return _row(
        evidence.device, f"{FEW_ROWS} from {parent.name}", "this model", found.graphs, figures
    )


def _first(rows: Rows, count: int) -> Rows:
    return rows.only(np.arange(len(rows)) < count)


def speed(device: Device) -> Row:
    """Seconds of `PREDICTIONS`, networks built beforehand."""
    space, rng = load_space("hxnet"), random.Random(0)
    graphs = [space.graph(space.sample(rng)) for _ in range(PREDICTIONS)]
    model = device.model
    began = time.perf_counter()
    for graph in graphs:
        model.predict(graph)
    return {"device": device.name, "test": "speed", "predictions": PREDICTIONS,
            "seconds": time.perf_counter() - began}  # fmt: skip


def _row(device: Device, test: str, predictor: str, graphs: int, figures: Row) -> Row:
    return {"device": device.name, "test": test, "predictor": predictor, "n": graphs, **figures}


def measure(names: Sequence[str]) -> Iterator[Row]:
    for name in names:
        evidence = evidence_of(name)
        if name in LEFT_OUT:
            yield from left_out(evidence)
        if name in FRESH:
            yield fresh(evidence)
        if name in FEW:
            yield few(evidence, load_device(FEW[name]))
        if name in ("synaptics-vs680", "ethos-u65"):
            yield speed(evidence.device)


def _line(row: Row) -> str:
    if row["test"] == "speed":
        return f"{row['device']}: {row['predictions']} predictions in {row['seconds']:.1f} s"
    inside = f", 80 % interval holds {row['coverage']:.0f} %" if "coverage" in row else ""
    noise = f", noise of the rows {row['noise']:.1f} %" if row.get("noise") else ""
    shares = f"within 5 % {row['within_5']:.0f} %, within 10 % {row['within_10']:.0f} %"
    ranks = f"Spearman {row['spearman']:.3f}, Kendall {row['kendall']:.3f}"
    errors = f"MAPE {row['mape']:.1f} %, median {row['median_ape']:.1f} %"
    head = f"{row['device']}, {row['test']}, n={row['n']}, {row['predictor']}"
    return f"{head}: {errors}, {shares}, RMSE {row['rmse_ms']:.1f} ms, {ranks}{inside}{noise}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", nargs="+", default=[*LEFT_OUT, *FRESH], help="only these")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    arguments = parser.parse_args()
    rows = []
    for row in measure(arguments.device):
        rows.append(row)
        if not arguments.json:
            print(_line(row), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
