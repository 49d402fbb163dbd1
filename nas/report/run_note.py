"""What the dashboard says of a whole run: what was asked for, and how to read what it shows."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nas.report.notes import plain
from nas.search.limits import LIMITS

__all__ = ["run_note"]

_READING = """\
### How to read it

- **Two objectives:** PSNR of the simulated integer network, which should be high, and predicted
  milliseconds, which should be low. The score, 2^(2 PSNR) / (C ms), is an attribute.
- **The front here** counts every complete trial, those that were stopped early among them. The
  report draws it of fully trained networks only, with the interval of each time.
- **Pruned** trials were refused before training; their notes say why. Those that the device
  cannot run, or that are over a limit, are infeasible. They have no values, so plots leave
  them out. Complete trials are infeasible where they have less PSNR than was asked for.
- **Failed** trials broke while they were evaluated.
- **Notes, drawings, curves and crops** are made when you look and are not stored. A note that you
  save replaces the one made here; a file that you add goes to `uploads` in the run folder.
"""


def run_note(run: Path, config: Mapping[str, Any], best: Mapping[str, Any] | None) -> str:
    """A heading, what the run was asked to do, its result so far, and how to read the pages.

    Args:
        run: Its folder.
        config: `config.json`; of an older run some keys are missing.
        best: Row of the best finalist, once there is one.
    """
    rows = "".join(f"| {name} | {told} |\n" for name, told in _facts(run, config, best).items())
    return f"## {plain(run.resolve().name)}\n\n| | |\n|:--|:--|\n{rows}\n{_READING}"


def _facts(run: Path, config: Mapping[str, Any], best: Mapping[str, Any] | None) -> dict[str, str]:
    def told(key: str, unit: str = "") -> str:
        return f"{plain(config[key])}{unit}" if config.get(key) is not None else ""

    facts = {
        "space": told("space"),
        "device": told("device"),
        "limits": ", ".join(_limits(config)),
        "upscales by": told("scale"),
        "images": told("data") + (f", validated on {valid}" if (valid := told("valid")) else ""),
        "budget": told("budget", " distinct networks"),
        "proposed by": told("sampler") + (f", seed {seed}" if (seed := told("seed")) else ""),
        "C of the score": told("score"),
        "best network": _best(best) if best else "none is converted yet",
        "report": _report(run),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _limits(config: Mapping[str, Any]) -> Iterator[str]:
    for name, limit in LIMITS.items():
        if config.get(name) is not None:
            side = "at least" if name.startswith("min") else "at most"
            yield f"{limit.noun} {side} {plain(config[name])} {limit.unit}"


def _best(best: Mapping[str, Any]) -> str:
    known = [f"trial {best['trial']}"] if "trial" in best else []
    known += [plain(best["zoo"])] if best.get("zoo") else []
    known += [f"{best[key]:.2f} dB by LiteRT" for key in ("psnr_litert_int8_db",) if key in best]
    known += [f"{best[key]:.1f} ms predicted" for key in ("latency_ms",) if key in best]
    known += [f"score {best[key]:.4g}" for key in ("score",) if key in best]
    return ", ".join(known)


def _report(run: Path) -> str:
    path = run.resolve() / "report.html"
    return plain(path) if path.is_file() else f"`nas report {plain(run.name)}` writes it"
