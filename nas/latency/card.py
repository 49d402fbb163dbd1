"""The card of a device: what was measured, how good its model is, and where not to trust it."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple

import numpy as np

from nas.latency.accuracy import Accuracy
from nas.latency.coverage import THIN_GRAPHS
from nas.latency.devices import Device
from nas.latency.fresh import judge
from nas.latency.model import PER_CENT
from nas.latency.op_model import OpLatencyModel
from nas.latency.op_terms import TERMS
from nas.latency.records import Record, median_noise
from nas.latency.validate import OP_PARTS, Validation

__all__ = ["write_card"]

FIGURES = (
    "predictor", "MAPE", "median APE", "within 5 %", "within 10 %", "RMSE", "Spearman", "Kendall",
)  # fmt: skip


def write_card(device: Device, found: Validation | None, records: Sequence[Record]) -> str:
    """The card in Markdown; without a validation, that of a device that is shown, not modelled."""
    modelled = (
        (_accuracy(found), _fresh(found, records), _rows(found), _terms(found), _coverage(found))
        if found
        else ()
    )
    parts = (
        _head(device, records),
        *modelled,
        _unused(device, found, records),
        "## Limits and assumptions\n\n" + "\n".join(f"- {limit}" for limit in device.limits),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def _head(device: Device, records: Sequence[Record]) -> str:
    runtimes = dict.fromkeys(r.conditions.runtime for r in records if r.used_for_fit)
    statistics = dict.fromkeys(r.conditions.statistic for r in records)
    sources = dict.fromkeys(r.source for r in records)
    known = median_noise(records)
    noise = "" if known is None else f"\n- Noise of a row (median): {known:.1f} %"
    return f"""# {device.name}

Made by `nas latency validate {device.name}`; do not edit.

{device.description}.

- Processor: {device.processor}
- Conditions: {device.conditions}
- Software of the fitted rows: {"; ".join(runtimes) or "no row is fitted"}
- Precision: {device.precision}
- Input: {device.width}x{device.height}; times are milliseconds for one inference
- A time is: {", ".join(statistics)}{noise}
- Sources: {"; ".join(sources)}"""


def _accuracy(found: Validation) -> str:
    rows = ((name, *_figures(accuracy)) for name, accuracy in found.accuracies.items())
    metadata = found.model.metadata
    op_by_op = isinstance(found.model, OpLatencyModel)
    parts = f"One graph in {OP_PARTS} is left out at a time. " if op_by_op else ""
    leans = f" The model leans on that of {metadata['parent']}." if metadata["parent"] else ""
    return f"""## Accuracy on unseen graphs

{len(found.rows)} distinct graphs.{leans} Each is predicted by a model that was made without it,
with every choice of that model's form made anew. {parts}Baselines leave out the same graphs.

{_table(FIGURES, rows)}

The {PER_CENT} interval of a model made without a graph holds {found.intervals.coverage:.0f} % of
them; half of the intervals are shorter than {found.intervals.width:.0f} % of the prediction."""


def _fresh(found: Validation, records: Sequence[Record]) -> str:
    fresh = judge(found.model, records)
    if not fresh:
        return ""
    refused = f" {fresh.refused} more hold an op that the model refuses." if fresh.refused else ""
    return f"""## Accuracy on networks kept back

{fresh.graphs} networks were drawn at random and measured, and never fitted.{refused}

{_table(FIGURES, [("this model", *_figures(fresh.accuracy))])}

The {PER_CENT} interval holds {fresh.intervals.coverage:.0f} % of them; half of the intervals are
shorter than {fresh.intervals.width:.0f} % of the prediction."""


def _figures(accuracy: Accuracy) -> tuple[str, ...]:
    *per_cent, rmse_ms, spearman, kendall = astuple(accuracy)
    mape, median, *within = per_cent
    return (
        f"{mape:.1f} %",
        f"{median:.1f} %",
        *(f"{value:.0f} %" for value in within),
        f"{rmse_ms:.1f} ms",
        f"{spearman:.3f}",
        f"{kendall:.3f}",
    )


def _rows(found: Validation) -> str:
    unseen, rows = found.unseen, found.rows
    fitted, _ = found.model.estimate_graphs(rows.graphs)
    lines = (
        (
            _short(rows.names[i]),
            f"{rows.times[i]:.1f}",
            f"{unseen.predicted[i]:.1f} ({unseen.predicted[i] / rows.times[i] - 1:+.0%})",
            f"{unseen.low[i]:.1f} to {unseen.high[i]:.1f}",
            f"{fitted[i]:.1f}",
        )
        for i in np.argsort(rows.times, kind="stable")
    )
    head = ("network", "measured ms", "unseen ms", f"unseen {PER_CENT} interval", "fitted ms")
    return f"## Fitted rows\n\n{_table(head, lines)}"


def _unused(device: Device, found: Validation | None, records: Sequence[Record]) -> str:
    rows = []
    for record in records:
        if record.used_for_fit:
            continue
        asked = "-"
        if found and record.graph is not None:
            asked = f"{found.model.estimate_graphs([record.graph])[0][0]:.1f}"
        runtime = record.conditions.runtime
        cells = (_short(record.network), f"{record.latency_ms:.1f}", asked, runtime, record.why_not)
        rows.append(cells)
    head = ("network", "measured ms", "model ms", "software", "why it is not fitted")
    return f"## Rows not used\n\n{_table(head, rows)}" if rows else ""


def _op_terms(model: OpLatencyModel) -> str:
    law = model.form
    again = f"read again for each {law.refetch} output channels" if law.refetch else "read once"
    rows = (
        (name, f"{value:.3g}") for name, value in zip(TERMS, model.ops.coefficients, strict=True)
    )
    return f"""## Terms

The time of a graph is the sum over its ops, each measured by itself. Terms are described in
`nas/latency/op_terms.py`. No coefficient is negative. Chosen by what is left to be learnt:
arithmetic rounded up as `{law.macs}`, input {again}, reading and writing
{"side by side" if law.split else "one after the other"}, a norm of {law.power}. Beyond these terms
the model repeats what {len(model.ops.residual.kernels)} measured ops were missed by where an op is
like them.

{_table(("term", "ms per unit"), rows)}"""


def _terms(found: Validation) -> str:
    model = found.model
    if isinstance(model, OpLatencyModel):
        return _op_terms(model)
    means = found.rows.design(tuple(model.coefficients)).mean(axis=0)
    rows = (
        (name, f"{value:.3g}", f"{value * mean:.1f}")
        for (name, value), mean in zip(model.coefficients.items(), means, strict=True)
    )
    form = model.form
    learnt = (
        f"strength {form.strength:g} over a distance of {form.reach:g}" if form.strength else "none"
    )
    return f"""## Terms

Features are described in `nas/readers/features.py`. No coefficient is negative. Chosen on left-out
graphs: `{form.macs}` for arithmetic, ridge {form.ridge:g}, learning from near networks: {learnt}.

{_table(("feature", "ms per unit", "ms in the mean row"), rows)}"""


def _coverage(found: Validation) -> str:
    rows = (
        (kind, str(graphs), "thin" if graphs < THIN_GRAPHS else "")
        for kind, graphs in found.model.covered.items()
    )
    return f"""## Covered ops

The model refuses a network with any other op. Where bytes come from thin kinds, in fewer than
{THIN_GRAPHS} distinct graphs, the interval is up to twice as wide (in the logarithm).

{_table(("kind", "distinct graphs", ""), rows)}"""


def _short(network: str) -> str:
    return network if len(network) <= 40 else f"{network[:37]}..."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
