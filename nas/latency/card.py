"""The card of a device: what was measured, how good its model is, and where not to trust it."""

from collections.abc import Iterable, Sequence

from nas.latency.coverage import THIN_GRAPHS
from nas.latency.devices import Device
from nas.latency.fit import Fit
from nas.latency.records import Record
from nas.readers.features import read_features

__all__ = ["write_card"]


def write_card(device: Device, fit: Fit, records: Sequence[Record]) -> str:
    """The card in Markdown, made from the fit that wrote `model.json`."""
    parts = (
        _head(device),
        _accuracy(fit),
        _rows(fit),
        _unused(device, fit, records),
        _terms(fit),
        _coverage(fit),
        "## Limits and assumptions\n\n" + "\n".join(f"- {limit}" for limit in device.limits),
    )
    return "\n\n".join(parts) + "\n"


def _head(device: Device) -> str:
    return f"""# {device.name}

Made by `nas latency fit {device.name}`; do not edit.

{device.description}.

- Processor: {device.processor}
- Conditions of the fitted rows: {device.conditions}
- Precision: {device.precision}
- Input: {device.width}x{device.height}; times are milliseconds for one inference
- Nothing here was measured by this project: every row names its paper in `measurements.csv`"""


def _accuracy(fit: Fit) -> str:
    rows = (
        (name, f"{a.mape:.1f} %", f"{a.within_10:.0f} %", f"{a.spearman:.2f}", f"{a.kendall:.2f}",
         f"{a.rms_ms:.1f} ms")
        for name, a in fit.accuracies.items()
    )  # fmt: skip
    count, graphs = fit.model.metadata["rows"], fit.model.metadata["distinct_graphs"]
    return f"""## Accuracy on unseen graphs

{count} rows of {graphs} distinct graphs. Each graph is left out with all rows that no term tells
from it; the strength of the ridge is chosen again without it. Baselines leave out the same rows.

{_table(("predictor", "MAPE", "within 10 %", "Spearman", "Kendall", "rms"), rows)}

The 90 % interval of a model fitted without a row holds {fit.coverage:.0f} % of the rows."""


def _rows(fit: Fit) -> str:
    rows = []
    for record, graph, unseen in zip(fit.rows.records, fit.rows.graphs, fit.unseen_ms, strict=True):
        found = fit.model.predict(graph)
        rows.append(
            (
                record.network,
                f"{record.latency_ms:.1f}",
                f"{unseen:.1f} ({unseen / record.latency_ms - 1:+.0%})",
                f"{found.latency_ms:.1f}",
                f"{found.low_ms:.1f} to {found.high_ms:.1f}",
            )
        )
    head = ("network", "measured ms", "without it", "with it", "90 % interval")
    return f"## Fitted rows\n\n{_table(head, rows)}"


def _unused(device: Device, fit: Fit, records: Sequence[Record]) -> str:
    rows = []
    for record in records:
        if record.used_for_fit:
            continue
        asked = "-"
        if record.graph is not None:
            features = read_features(record.graph, height=device.height, width=device.width)
            asked = f"{fit.model.estimate(features):.1f}"
        rows.append((record.network, f"{record.latency_ms:.1f}", asked, record.why_not))
    head = ("network", "measured ms", "model ms", "why it is not fitted")
    return f"## Rows not used\n\n{_table(head, rows)}"


def _terms(fit: Fit) -> str:
    means = fit.rows.design(tuple(fit.model.coefficients)).mean(axis=0)
    rows = (
        (name, f"{value:.3g}", f"{value * mean:.1f}")
        for (name, value), mean in zip(fit.model.coefficients.items(), means, strict=True)
    )
    return f"""## Terms

Features are described in `nas/readers/features.py`. No coefficient is negative.

{_table(("feature", "ms per unit", "ms in the mean row"), rows)}"""


def _coverage(fit: Fit) -> str:
    rows = (
        (kind, str(graphs), "thin" if graphs < THIN_GRAPHS else "")
        for kind, graphs in fit.model.covered.items()
    )
    return f"""## Covered ops

The model refuses a network with any other op. Where bytes come from thin kinds, in fewer than
{THIN_GRAPHS} distinct graphs, the interval is up to twice as wide (in the logarithm).

{_table(("kind", "distinct graphs", ""), rows)}"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
