"""The part of the page for a person who has so many milliseconds, and no more."""

from collections.abc import Iterator, Mapping
from typing import Any

from nas.report.files import RunFiles
from nas.report.parts import name_of, number, soft, table
from nas.search.best_under import best_under
from nas.search.worth import PER_CENT

__all__ = ["best_under_part"]


def best_under_part(files: RunFiles) -> str:
    """A row for each time that the front has."""
    found = best_under(files.trials)
    head = (
        "under", "best by PSNR", "INT8 PSNR, dB", f"{PER_CENT} interval, ms", "file, KiB",
        "memory, MB", "score", "ratio", "best by score",
    )  # fmt: skip
    rows = [
        (
            number(under.latency_ms, 2, "\N{NO-BREAK SPACE}ms"),
            name_of(under.best),
            number(under.best["psnr_int8_db"]),
            f"{number(under.best['latency_low_ms'])} to {number(under.best['latency_high_ms'])}",
            number(under.best.get("size_kib"), 1),
            number(under.best.get("memory_mb"), 1),
            f"{under.best['score']:.4g}",
            number(under.best["score_ratio"], 3),
            "itself" if under.by_score is under.best else name_of(under.by_score),
        )
        for under in found
    ]
    about = (
        "Where an image may take so many milliseconds and no more, take the network of that row, "
        "or the one with the best score. Times are predicted, PSNR is that of the INT8 simulation "
        "after the training of the search. The uint8 file is no larger than told; memory is what "
        "INT8 activations take at once."
    )
    lacking = "".join(map(soft, _lacking(files.config, found[-1].best)))
    return (
        soft(about) + lacking + table("Members of the front, by their predicted time", head, rows)
    )


def _lacking(config: Mapping[str, Any], closest: Mapping[str, Any]) -> Iterator[str]:
    if (lacking_db := closest.get("lacking_db", 0.0)) > 0:
        yield (
            f"No fully trained network of the search reaches the {config.get('min_psnr_db')} dB "
            f"that were asked for. The closest one, {name_of(closest)}, lacks {lacking_db:.2f} dB."
        )
