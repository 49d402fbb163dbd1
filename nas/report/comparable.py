"""Whether figures of several runs may be compared, and what was set otherwise in them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas.report.files import RunFiles

__all__ = ["differences", "obstacles"]

_MUST_AGREE = {  # key of the configuration: its name, and what a difference spoils
    "scale": ("scale", "the task is another one"),
    "device": ("device", "milliseconds do not compare"),
    "data_digest": ("digest of the images", "PSNR does not compare"),
    "score": ("constant of the score", "scores do not compare, ratios do"),
}


def obstacles(runs: Sequence[RunFiles]) -> list[str]:
    """Why figures of these runs do not compare, a sentence each; empty where they do."""
    return [*_of_configuration(runs), *_of_training(runs)]


def differences(runs: Sequence[RunFiles]) -> list[tuple[str, ...]]:
    """Rows of options and versions: the name and its value in each run, where they differ."""
    flat = [dict(_flat("", {**run.config, "environment": run.env})) for run in runs]
    keys = dict.fromkeys(key for each in flat for key in each)
    rows = [(key, *(each.get(key, "\N{EN DASH}") for each in flat)) for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _of_configuration(runs: Sequence[RunFiles]) -> Iterator[str]:
    for key, (name, spoilt) in _MUST_AGREE.items():
        values = [run.config.get(key) for run in runs]
        if len(set(values)) > 1:
            told = ", ".join("unknown" if value is None else str(value) for value in values)
            yield f"The {name} differs ({told}): {spoilt}."


def _of_training(runs: Sequence[RunFiles]) -> Iterator[str]:
    searched = [int(run.finished["steps"].max()) for run in runs]
    if len(set(searched)) > 1:
        yield f"The search trained for other numbers of steps ({_list(searched)})."
    final = [max((int(f["steps"]) for f in run.finalists), default=0) for run in runs]
    if 0 in final:
        yield "Not all runs are finished, so not all winners were converted."
    if len(set(final) - {0}) > 1:
        yield f"Finalists trained for other numbers of steps ({_list(final)})."


def _list(counts: Sequence[int]) -> str:
    return ", ".join(f"{count:,}" for count in counts)


def _flat(prefix: str, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        key = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Mapping):
            yield from _flat(key, value)
        else:
            yield key, "\N{EN DASH}" if value is None else str(value)
