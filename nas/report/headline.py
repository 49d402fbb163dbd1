"""The first thing a reader sees: the winner against the best published design, and how sure."""

from collections.abc import Iterator
from html import escape

from nas.evaluate.statistics import paired_difference
from nas.report.contest import Contest, Row, psnr_of
from nas.report.crops import Crops
from nas.report.parts import cards, interval, items, name_of, number, table
from nas.search.worth import PER_CENT

__all__ = ["headline"]


def headline(contest: Contest, crops: Crops | None) -> str:
    """A sentence, large numbers, the two networks side by side, what is uncertain."""
    return (
        f'<p class="lead">{escape(_verdict(contest))}</p>'
        + cards(_cards(contest))
        + _beside(contest)
        + items(_doubts(contest, crops))
    )


def _verdict(contest: Contest) -> str:
    winner, rival = contest.winner, contest.rival
    if contest.is_published:
        kept = " and that keeps what was asked for" if contest.is_outscored else ""
        return (
            f"Nothing that the search found{kept} scores higher than the published "
            f"{winner['zoo']}, trained, quantised and timed in the same way."
        )
    if rival is None or contest.ratio is None:
        return (
            f"{name_of(winner)} is the best network found. The run evaluated no published network "
            "to compare it with."
        )
    psnr = psnr_of(winner) - psnr_of(rival)
    key = "measured_ms" if contest.by_measurement else "latency_ms"
    time = 100 * (winner[key] / rival[key] - 1)
    return (
        f"{name_of(winner)} scores {contest.ratio:.2f} times the best published design, "
        f"{rival['zoo']}, trained, quantised and timed in the same way: {psnr:+.2f} dB, "
        f"{abs(time):.0f} % {'less' if time < 0 else 'more'} time."
    )


def _cards(contest: Contest) -> Iterator[tuple[str, str]]:
    winner = contest.winner
    how = "INT8, converted, run by LiteRT" if contest.converted else "INT8 simulation"
    yield f"{number(psnr_of(winner))} dB", how
    low, high = number(winner["latency_low_ms"]), number(winner["latency_high_ms"])
    yield f"{number(winner['latency_ms'])} ms", f"predicted, {low} to {high} ms"
    if "measured_ms" in winner:
        yield f"{number(winner['measured_ms'])} ms", str(winner["measured_how"])
    by = f", time {winner['measured_how']}" if contest.by_measurement else ""
    yield f"{winner[contest.score]:.4g}", f"score{by}"
    if contest.ratio is not None:
        yield f"{contest.ratio:.2f}x", "score over best published network of this run"


def _beside(contest: Contest) -> str:
    named = [("best network", contest.winner)]
    if contest.rival is not None:
        named.append(("best published", contest.rival))
    head = ["figure", *(f"{name}: {name_of(row)}" for name, row in named)]
    columns = [dict(_figures(row, contest)) for _, row in named]
    rows = [(key, *(column[key] for column in columns)) for key in columns[0]]
    alike = "Trained, quantised, converted and timed alike"
    if not contest.converted:
        alike = "Trained, quantised in simulation and timed alike"
    return table(alike, head, rows)


def _figures(row: Row, contest: Contest) -> Iterator[tuple[str, str]]:
    yield "INT8 PSNR, dB", number(psnr_of(row))
    yield f"predicted ms, {PER_CENT} interval", interval(row)
    if contest.by_measurement:
        yield str(row["measured_how"]), number(row["measured_ms"], 2, " ms")
    yield "score", f"{row[contest.score]:.4g}"
    yield "parameters", number(row.get("parameters"), 0)
    macs = row.get("macs")
    yield "multiply-adds", number(None if macs is None else macs / 1e9, 2, " G")
    if "size_bytes" in row:
        yield "file", number(row["size_bytes"] / 1024, 1, " KiB")
    yield "activations at once", number(row.get("memory_mb"), 1, " MB")
    yield "training steps", number(row["steps"], 0)


def _doubts(contest: Contest, crops: Crops | None) -> Iterator[str]:
    if over := contest.winner.get("over_limits"):
        yield f"It does not keep what was asked for, as no finalist does: {'; '.join(over)}."
    elif (lacking_db := contest.winner.get("lacking_db") or 0.0) > 0:
        yield f"It lacks {lacking_db:.2f} dB of what was asked for, and others lack more."
    if (around := contest.ratio_range) is not None:
        low, high = around
        told = (
            f"Times are predicted. With each anywhere in its {PER_CENT} interval, the ratio of the "
            f"scores lies between {low:.2f} and {high:.2f}."
        )
        if low < 1:
            told += " So a measurement could reverse the order."
        yield told
    winner, rival = contest.winner, contest.rival
    if crops is None or rival is None:
        return
    mine, other = (crops.psnrs_db(int(row["number"])) for row in (winner, rival))
    better = sum(a > b for a, b in zip(mine, other, strict=True))
    found = paired_difference(mine, other)
    yield (
        f"The difference of {found.mean:+.2f} dB is a mean over {len(mine)} validation crops, of "
        f"which {better} are better. Its 95 % interval is {found.low:+.2f} to {found.high:+.2f} dB "
        "for other images of this kind. Each network was trained once: another seed would give "
        "other figures, and the run does not say how much other."
    )
