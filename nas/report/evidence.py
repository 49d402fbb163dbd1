"""What a run's times rest on: its latency model's record, measured finalists, what to measure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nas.errors import DeviceError
from nas.latency.devices import Device, load_device
from nas.report.files import RunFiles
from nas.report.parts import number, soft, table
from nas.search.worth import PER_CENT, measured_times, way_to_measure, worth_measuring

__all__ = ["device_of", "limits", "measured", "record", "worth"]


def device_of(files: RunFiles) -> Device | None:
    """The device of a run, with its model; None where it is not here, or has none."""
    try:
        device = load_device(str(files.config.get("device", "")))
        _ = device.model
    except DeviceError:
        return None
    return device


def record(files: RunFiles) -> str:
    """What the latency model was fitted to, and what its card says of it."""
    device = device_of(files)
    if device is None:
        return f"of {files.config.get('device', 'a device')}, which is not installed here"
    graphs = device.model.metadata.get("distinct_graphs", "several")
    told = f"fitted to {graphs} measured networks on {device.name} ({device.conditions})"
    return f"{told}; {said}" if (said := "; ".join(_said_by_card(device))) else told


def limits(files: RunFiles) -> tuple[str, ...]:
    """What the card of the device says a reader must know."""
    device = device_of(files)
    return device.limits if device else ()


def measured(files: RunFiles) -> str:
    """A table of measured beside predicted times; empty where nothing was measured."""
    head = (
        "network", "measured ms", "noise", f"predicted ms, {PER_CENT} interval", "in it",
        "predicted since", "score, measured", "ratio, measured",
    )  # fmt: skip
    rows = [_measured_row(f) for f in files.finalists if "measured_ms" in f]
    if not rows:
        return ""
    told = {_conditions(f) for f in files.finalists if "measured_ms" in f}
    about = (
        "The finalists' own files, timed after the search. The latency model has learnt of them: "
        "&ldquo;predicted since&rdquo; is what it says now, of networks that it has seen."
    )
    return f'<p class="soft">{about}</p>{table(head, rows)}' + "".join(map(soft, sorted(told)))


def worth(files: RunFiles) -> str:
    """A table of networks whose measurement could change who is best."""
    found = worth_measuring(files.trials, measured_times(files.finalists))
    if not found:
        return soft(
            f"None: within the {PER_CENT} intervals of its predicted times, and by the PSNR of the "
            "search, no network of the front but the best could have the best score."
        )
    about = (
        "Members of the front that may turn out the best within the "
        f"{PER_CENT} intervals of their predicted times, the most decisive first."
    )
    rows = [
        (
            f"#{each.trial} {each.zoo or each.digest[:8]}",
            f"{number(each.latency_ms)} ({number(each.latency_low_ms)} to "
            f"{number(each.latency_high_ms)})",
            f"{each.score:.4g} ({each.score_low:.4g} to {each.score_high:.4g})",
            each.why,
        )
        for each in found
    ]
    shown = table(("network", "predicted ms", "score", "why"), rows, words=1)
    device = device_of(files)
    way = way_to_measure(device, files.folder, found[0].trial) if device else ""
    return soft(about) + shown + (soft(f"With: {way}") if way else "")


def _measured_row(finalist: Mapping[str, Any]) -> tuple[str, ...]:
    low_ms, high_ms = finalist["latency_low_ms"], finalist["latency_high_ms"]
    return (
        f"#{finalist['number']} {finalist.get('zoo') or str(finalist['digest'])[:8]}",
        number(finalist["measured_ms"]),
        f"{100 * finalist['measured_noise']:.1f} %",
        f"{number(finalist['latency_ms'])} ({number(low_ms)} to {number(high_ms)})",
        "yes" if low_ms <= finalist["measured_ms"] <= high_ms else "no",
        number(finalist.get("latency_refitted_ms")),
        f"{finalist['score_measured']:.4g}",
        number(finalist.get("score_measured_ratio"), 3),
    )


def _conditions(finalist: Mapping[str, Any]) -> str:
    known = finalist["measured_conditions"]
    named = [str(known[name]) for name in ("runtime", "precision", "layout", "statistic")]
    if known["threads"]:
        named.append(f"threads: {known['threads']}")
    size = f"input {known['width']}x{known['height']}"
    return "; ".join([*named, size, *filter(None, [finalist["measured_note"]])])


def _said_by_card(device: Device) -> Iterator[str]:
    """Sentences of figures that the card holds; another card than ours has none of them."""
    path = device.folder / "card.md"
    card = path.read_text(encoding="utf-8") if path.is_file() else ""
    tables = re.search(r"^\| (predictor \|.*)\n.*\n\| (this model \|.*)$", card, re.MULTILINE)
    if tables:
        names, cells = ([c.strip() for c in line.split("|")] for line in tables.groups())
        found = dict(zip(names, cells, strict=False))
        if {"MAPE", "within 10 %", "Spearman"} <= set(found):
            yield (
                f"networks that were left out of the fit are missed by {found['MAPE']} in the "
                f"mean, {found['within 10 %']} of them by less than 10 %, and put in order with a "
                f"Spearman correlation of {found['Spearman']}"
            )
    if holds := re.search(r"interval of a model made without a graph holds (\d+ %)", card):
        yield f"the {PER_CENT} intervals hold {holds[1]} of them"
