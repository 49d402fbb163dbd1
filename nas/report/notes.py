"""What the dashboard says of a trial and of a run, in the Markdown that it shows.

Texts that come out of a study or a space may hold anything; `plain` takes the meaning off their
punctuation, so that none becomes a link, a picture, a row of a table or HTML.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nas.search.limits import PSNR_CONSTRAINT
from nas.search.study import WHY, measured_of
from nas.search.worth import PER_CENT

__all__ = ["plain", "trial_note"]

Attributes = Mapping[str, Any]

_LONGEST = 600  # characters of a reason; more than that nobody reads
_MARKS = re.compile(r"([\\`*_{}\[\]<>()#!|~&:@])")


def plain(text: object) -> str:
    r"""`text` on one line, to be read as it is by whoever renders Markdown.

    Example:
        >>> print(plain("[x](javascript:y) <img>"))
        \[x\]\(javascript\:y\) \<img\>
    """
    line = " ".join(str(text).split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
    return _MARKS.sub(r"\\\1", "".join(sign for sign in line if sign.isprintable()))


def trial_note(
    trial: FrozenTrial,
    *,
    picks: Mapping[str, object],
    picture: str,
    finalist: Attributes | None,
    full_steps: int,
) -> str:
    """What is known of a trial; whatever an older run did not write is left out.

    Args:
        trial: In any state.
        picks: Names of the space's choices and what was chosen.
        picture: Address of the drawn network, or "".
        finalist: Its row of `finalists.json`, with `best` set if it is the best of the run.
        full_steps: Those of a network that was not stopped early.
    """
    rows = "".join(f"| {name} | {told} |\n" for name, told in _rows(trial, picks))
    parts = [
        _headline(trial, full_steps),
        _converted(finalist),
        f"| | |\n|:--|:--|\n{rows}" if rows else "",
        f"![The network of trial {trial.number}]({picture})\n" if picture else "",
    ]
    return "\n".join(part for part in parts if part)


def _headline(trial: FrozenTrial, full_steps: int) -> str:
    attributes, state = trial.user_attrs, trial.state
    reason = plain(attributes.get("reason", "")) or "no reason was kept"
    if state == TrialState.PRUNED:
        infeasible = any(value > 0 for value in trial.constraints.values())
        word = "Infeasible, refused" if infeasible else "Refused"
        return f"**{word} before training:** {reason}\n"
    if state == TrialState.FAIL:
        return f"**Failed:** {reason}\n"
    if state != TrialState.COMPLETE:
        return "In training.\n" if state == TrialState.RUNNING else "Waits for its turn.\n"
    lacking_db = trial.constraints.get(PSNR_CONSTRAINT, 0.0)
    lacks = f" **Infeasible:** it lacks {lacking_db:.2f} dB of PSNR." if lacking_db > 0 else ""
    steps = attributes.get("steps")
    if steps is None:
        return f"Finished.{lacks}\n"
    if steps < full_steps:
        return f"Stopped early, after {steps:,} of {full_steps:,} steps.{lacks}\n"
    return f"Trained to the end, {steps:,} steps.{lacks}\n"


def _converted(finalist: Attributes | None) -> str:
    if finalist is None:
        return ""
    word = "Best of the run" if finalist.get("best") else "Finalist"
    told = [f"trained anew for {finalist['steps']:,} steps"] if "steps" in finalist else []
    if "psnr_litert_int8_db" in finalist:
        told.append(f"{finalist['psnr_litert_int8_db']:.2f} dB by LiteRT")
    if "score" in finalist:
        told.append(f"score {finalist['score']:.4g}")
    if "measured_ms" in finalist:
        how = plain(finalist.get("measured_how", "measured"))
        told.append(f"{finalist['measured_ms']:.2f} ms {how}")
    return f"**{word}:** {', '.join(told) or 'converted'}.\n"


def _rows(trial: FrozenTrial, picks: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    attributes = trial.user_attrs
    psnr_db, latency_ms = trial.values if trial.values else (None, None)
    if attributes.get("zoo"):
        yield "published as", plain(attributes["zoo"])
    if (score := attributes.get("score")) is not None:
        yield "score", f"{score:.4g}{_between(attributes, 'score_low', 'score_high', '.4g')}"
    if latency_ms is not None:
        told = _between(attributes, "latency_low_ms", "latency_high_ms", ".1f")
        yield "predicted time", f"{latency_ms:.1f} ms{told}"
    if (novelty := attributes.get("latency_novelty") or 0.0) > 0:
        yield "novelty", f"interval {novelty:.1f} times as wide as amid measured networks"
    if psnr_db is not None:
        yield "PSNR", _psnr(psnr_db, attributes.get("psnr_float_db"))
    if len(readings := measured_of(attributes).readings) > 1:
        yield "as INT8", ", ".join(f"{int8:.2f} dB after {steps:,}" for steps, _, int8 in readings)
    if "parameters" in attributes and "macs" in attributes:
        gmacs = attributes["macs"] / 1e9
        yield "size", f"{attributes['parameters']:,} parameters, {gmacs:.2f} GMACs"
    if "size_kib" in attributes and "memory_mb" in attributes:
        memory_mb = attributes["memory_mb"]
        told = f"{attributes['size_kib']:.1f} KiB at most, activations take {memory_mb:.1f} MB"
        yield "file", f"{told} at once"
    if spent := _seconds(attributes):
        yield "seconds", spent
    if why := attributes.get(WHY):
        yield "proposed", plain(why)
    if picks:
        chosen = (f"{plain(name)} **{plain(option)}**" for name, option in picks.items())
        yield "picks", ", ".join(chosen)


def _between(attributes: Attributes, low: str, high: str, form: str) -> str:
    """The interval, as far as it is known; that of a score is that of the time."""
    if attributes.get(low) is None or attributes.get(high) is None:
        return ""
    return f" ({attributes[low]:{form}} to {attributes[high]:{form}}, {PER_CENT} interval)"


def _psnr(int8_db: float, float_db: float | None) -> str:
    if float_db is None:
        return f"{int8_db:.2f} dB as INT8"
    loss_db = float_db - int8_db
    verb = "gains" if loss_db < 0 else "costs"
    return (
        f"{int8_db:.2f} dB as INT8, {float_db:.2f} dB as float: INT8 {verb} {abs(loss_db):.2f} dB"
    )


def _seconds(attributes: Attributes) -> str:
    kinds = {"train_s": "training", "quantize_s": "quantising", "evaluate_s": "evaluating"}
    known = {
        word: attributes[key] for key, word in kinds.items() if attributes.get(key) is not None
    }
    told = [f"{spent_s:.1f} {word}" for word, spent_s in known.items()]
    if cached := attributes.get("cached_rungs"):
        told.append(f"{cached} of {len(measured_of(attributes).readings)} readings from the cache")
    return ", ".join(told)
