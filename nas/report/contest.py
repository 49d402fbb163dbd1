"""Who won a run, against which published design, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nas.report.files import RunFiles
from nas.search.front import front

__all__ = ["Contest", "contest_of", "psnr_of"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Contest:
    """The best network of a run, and the best published one that was treated alike.

    Args:
        winner: A finalist, or the row of a trial while there are none.
        published: None where the run evaluated no published network; may be the winner.
        score: The column that ranks them: of predicted times, or of measured ones.
        converted: Whether both were converted and run by LiteRT.
        is_outscored: Whether another network scores higher, which lacks what was asked for.
    """

    winner: Row
    published: Row | None
    score: str
    converted: bool
    is_outscored: bool = False

    @property
    def is_published(self) -> bool:
        """Whether nothing that the search found comes before the best published network."""
        return bool(self.winner.get("zoo"))

    @property
    def rival(self) -> Row | None:
        """What the winner is compared with; None where it is the published network itself."""
        return None if self.is_published else self.published

    @property
    def by_measurement(self) -> bool:
        """Whether times were measured, so that no interval of a prediction matters."""
        return self.score == "score_measured"

    @property
    def ratio(self) -> float | None:
        """Score of the winner over that of the published network."""
        if self.published is None:
            return None
        return float(self.winner[self.score] / self.published[self.score])

    @property
    def ratio_range(self) -> tuple[float, float] | None:
        """The ratio at the ends of both intervals that are worst, and best, for the winner.

        None where that says nothing.
        """
        if self.rival is None or self.by_measurement:
            return None
        a, b = self.winner, self.rival
        centre = a["score"] * a["latency_ms"] / (b["score"] * b["latency_ms"])
        return (
            float(centre * b["latency_low_ms"] / a["latency_high_ms"]),
            float(centre * b["latency_high_ms"] / a["latency_low_ms"]),
        )


def contest_of(files: RunFiles) -> Contest:
    """Of the finalists, or of the fully trained trials while there are none."""
    rows = list(files.finalists) or _best_first(files.finished)
    measured = bool(files.finalists) and all("score_measured" in row for row in rows)
    score = "score_measured" if measured else "score"
    published = [row for row in rows if row.get("zoo")]
    winner = files.best or rows[0]
    return Contest(
        winner=winner,
        published=max(published, key=lambda row: float(row[score]), default=None),
        score=score,
        converted=bool(files.finalists),
        is_outscored=any(row[score] > winner[score] for row in rows),
    )


def _best_first(finished: pd.DataFrame) -> list[Row]:
    """The front by score, and the published networks behind it."""
    full = finished[finished["steps"] == finished["steps"].max()]
    leaders = front(finished).sort_values("score", ascending=False, kind="stable")
    return [*leaders.to_dict("records"), *full[full["zoo"] != ""].to_dict("records")]


def psnr_of(row: Row) -> float:
    """INT8 PSNR in dB: of the converted file, else of the simulation."""
    return float(row.get("psnr_litert_int8_db") or row["psnr_int8_db"])
