"""What a run's times rest on: its latency model's record, measured finalists, what to measure."""

from collections.abc import Iterator, Mapping
from typing import Any

from nas.errors import DeviceError
from nas.latency.devices import Device, load_device
from nas.report.files import RunFiles
from nas.report.parts import commands, folded, interval, name_of, number, soft, table
from nas.search.worth import PER_CENT, measured_times, way_to_measure, worth_measuring

__all__ = ["device_of", "limits", "measured", "record", "worth"]

_SHOWN = 5  # networks worth measuring that are not folded away


def device_of(files: RunFiles) -> Device | None:
    """The device of a run, with its model; None where it is not here, or has none."""
    try:
        device = load_device(str(files.config.get("device", "")))
        _ = device.model
    except DeviceError:
        return None
    return device


def record(files: RunFiles) -> str:
    """What the latency model was fitted to, and how good its card says it is."""
    device = device_of(files)
    if device is None:
        return f"of {files.config.get('device', 'a device')}, which is not installed here"
    graphs = device.model.metadata.get("distinct_graphs", "several")
    told = f"fitted to {graphs} measured networks on {device.name} ({device.conditions})"
    return "; ".join([told, *_figures(device.model.metadata)])


def limits(files: RunFiles) -> tuple[str, ...]:
    """What the card of the device says a reader must know."""
    device = device_of(files)
    return device.limits if device else ()


def measured(files: RunFiles) -> tuple[str, str]:
    """Title and content of measured beside predicted times; empty where nothing was measured."""
    head = (
        "network", "ms", "noise", f"predicted ms, {PER_CENT} interval", "in it",
        "predicted since", "score", "ratio",
    )  # fmt: skip
    timed = [finalist for finalist in files.finalists if "measured_ms" in finalist]
    if not timed:
        return "", ""
    how = str(timed[0]["measured_how"])
    about = soft(
        f"Times of the converted finalists, {how} after the search, and scores by them. "
        "\N{LEFT DOUBLE QUOTATION MARK}Predicted since\N{RIGHT DOUBLE QUOTATION MARK} is what the "
        "latency model says of them now that it has learnt of them."
    )
    told = "".join(map(soft, sorted({_conditions(finalist) for finalist in timed})))
    rows = [_measured_row(finalist) for finalist in timed]
    shown = table(f"Finalists {how}", head, rows)
    return how.capitalize(), about + shown + told


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
            name_of({"number": each.trial, "zoo": each.zoo, "digest": each.digest}),
            f"{number(each.latency_ms)} ({number(each.latency_low_ms)} to "
            f"{number(each.latency_high_ms)})",
            f"{each.score:.4g} ({each.score_low:.4g} to {each.score_high:.4g})",
            each.why,
        )
        for each in found
    ]
    head = ("network", "predicted ms", "score", "why")
    shown = table("Worth measuring, with intervals", head, rows[:_SHOWN], words=1)
    if rest := rows[_SHOWN:]:
        shown += folded(f"{len(rest)} more", table("Less decisive ones", head, rest, words=1))
    return soft(about) + shown + _way(files, found[0].trial)


def _way(files: RunFiles, trial: int) -> str:
    """The command of the first of them, or what to do where no back-end measures the device."""
    device = device_of(files)
    if device is None:
        return ""
    way = way_to_measure(device, files.folder, trial)
    if device.backend:
        return commands([way])
    command, _, then = way.partition(", and ")
    return commands([command]) + soft(f"Then {then}.")


def _measured_row(finalist: Mapping[str, Any]) -> tuple[str, ...]:
    low_ms, high_ms = finalist["latency_low_ms"], finalist["latency_high_ms"]
    return (
        name_of(finalist),
        number(finalist["measured_ms"]),
        number(100 * finalist["measured_noise"] or None, 1, " %"),
        interval(finalist),
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


def _figures(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What the card tells of accuracy, in words; an old model tells nothing."""
    if unseen := metadata.get("unseen"):
        yield (
            f"networks that were left out of the fit are missed by {unseen['mape']:.1f} % in the "
            f"mean, {unseen['within_10']:.0f} % of them by less than 10 %, and put in order with "
            f"a Spearman correlation of {unseen['spearman']:.2f}"
        )
    if intervals := metadata.get("intervals"):
        yield f"the {PER_CENT} intervals hold {intervals['coverage']:.0f} % of them"
