"""The report of a run: one HTML file that opens offline and says how far to trust its numbers."""

from html import escape
from pathlib import Path

from nas.graph import parse_text, to_text
from nas.readers.draw import draw_svg
from nas.report import evidence
from nas.report.advice import advice
from nas.report.basis import basis
from nas.report.best_under import best_under_part
from nas.report.breakdown import breakdown
from nas.report.clock import minutes_of
from nas.report.contest import Contest, Row, contest_of, psnr_of
from nas.report.crops import read_crops
from nas.report.figures import pareto_figure, progress_figure
from nas.report.files import RunFiles, read_run
from nas.report.headline import headline
from nas.report.parts import (
    folded,
    interval,
    name_of,
    number,
    section,
    soft,
    table,
    time_split,
)
from nas.report.pictures import pictures
from nas.report.plots import plot
from nas.report.quantisation import quantisation
from nas.report.shell import page, write_page
from nas.search.front import front
from nas.search.worth import PER_CENT

__all__ = ["drawing", "write_report"]

_NOTICE = (
    '<p class="notice" role="note"><b>The search is not finished.</b> No network was converted '
    "yet: PSNR is that of the INT8 simulation, after short training.</p>"
)


def write_report(run: Path, out: Path | None = None) -> Path:
    """Writes the page and returns its path.

    Args:
        run: A run folder, finished or not.
        out: Where to; default: `report.html` in the run folder.

    Raises:
        RunError: No run folder, no finished trial in it yet, or a page that cannot be written.
    """
    files = read_run(run)
    contest = contest_of(files)
    compared = [row for row in (contest.winner, contest.rival) if row is not None]
    crops = None
    if contest.converted:
        crops = read_crops(run, [int(row["number"]) for row in compared])
    body = "".join(
        section(title, content)
        for title, content in (
            ("Result", headline(contest, crops)),
            ("Quality against time", _front(files)),
            ("Best under N ms", best_under_part(files)),
            ("Finalists", _finalists(files, contest)),
            evidence.measured(files),
            ("The best network", drawing(contest.winner)),
            ("Where its time goes", breakdown(contest.winner, str(files.config.get("device", "")))),
            ("What INT8 costs", quantisation(files, contest)),
            ("What it looks like", pictures(contest, crops)),
            ("What to do next", advice(files, contest)),
            ("What the numbers rest on", basis(files, contest, crops)),
            ("How the search went", _progress(files)),
        )
    )
    notice = "" if files.finalists else _NOTICE
    path = out or run / "report.html"
    title = f"Search {run.resolve().name}"
    write_page(path, page(title, _subtitle(files), body, notice=notice))
    return path


def drawing(row: Row, *, name: str = "the network") -> str:
    """A network drawn, with its text form beside; `name` is how a screen reader calls it."""
    graph = parse_text(str(row["network"]))
    text = escape(to_text(graph))
    return (
        f'<div class="network"><div class="drawn" tabindex=0 role=group '
        f'aria-label="Drawing of {escape(name)}">{draw_svg(graph)}</div>'
        f'<pre tabindex=0 role=group aria-label="Text form of {escape(name)}">{text}</pre>'
        "</div>"
    )


def _subtitle(files: RunFiles) -> str:
    trained = files.trained
    distinct = trained["digest"].nunique()
    early = int((trained["steps"] < files.finished["steps"].max()).sum())
    refused = int((files.trials["state"] == "PRUNED").sum())
    named = [f"{key} {files.config[key]}" for key in ("space", "device") if key in files.config]
    told = f"{distinct} distinct networks trained, {early} of them stopped early; {refused} refused"
    if num_reused := len(files.finished) - len(trained):
        told += f"; {num_reused} that an earlier run trained"
    return ", ".join([*named, told])


def _front(files: RunFiles) -> str:
    members = front(files.trials).to_dict("records")
    num_finalists = len(files.finalists)
    fastest, best = members[0], members[-1]
    says = (
        f"Scatter plot of INT8 PSNR over predicted time. The front has {len(members)} networks, "
        f"from {fastest['latency_ms']:.1f} ms and {fastest['psnr_int8_db']:.2f} dB to "
        f"{best['latency_ms']:.1f} ms and {best['psnr_int8_db']:.2f} dB; {num_finalists} "
        "finalists were trained longer and converted. The numbers are in the tables below."
    )
    about = (
        f"Up and left is better. Horizontal bars are the {PER_CENT} intervals of predicted times; "
        "along a dotted line the score is the same. "
        + ("Finalists trained longer than the front of the search. " if num_finalists else "")
        + "Move over a mark to see its network, drag to zoom in, double-click to zoom out."
    )
    return soft(about) + plot(pareto_figure(files.trials, files.finalists), says)


def _finalists(files: RunFiles, contest: Contest) -> str:
    rows, caption = files.finalists, "Finalists, best first"
    about = "Trained longer, converted to uint8 TensorFlow Lite and run by LiteRT."
    if not rows:
        rows = [{**row} for row in front(files.trials).to_dict("records")]
        caption = "The front so far, fastest first"
        about = "None yet. This is the front of the search so far, by INT8 simulation."
    about += (
        " Times and scores are predicted; novelty is how many times wider the interval of a time "
        "is than amid measured networks; ratio is the score over that of the best published "
        "network."
    )
    cells = [
        (
            name_of(row),
            number(psnr_of(row)),
            interval(row),
            number(row.get("latency_novelty"), 1),
            f"{row['score']:.4g}",
            number(row["score_ratio"], 3),
            number(row["steps"], 0),
        )
        for row in rows
    ]
    digest = contest.winner["digest"]
    place = next((k for k, row in enumerate(rows) if row["digest"] == digest), -1)
    head = ("network", "INT8 PSNR, dB", "predicted ms", "novelty", "score", "ratio", "steps")
    return soft(about) + table(caption, head, cells, best=place)


def _progress(files: RunFiles) -> str:
    done = files.finished
    says = (
        f"Score of {len(done)} finished trials and the best so far, which reached "
        f"{done['score'].max():.4g}."
    )
    shown = plot(progress_figure(done, x="number", title="trial"), f"{says} By trial.")
    minutes = minutes_of(files.folder)
    if minutes is not None:
        timed = done.assign(minutes=done["number"].map(minutes))
        if timed["minutes"].notna().any():
            figure = progress_figure(timed, x="minutes", title="minutes since the start")
            told = plot(figure, f"{says} By minutes since the first trial began.")
            shown = f'<div class="pair">{shown}{told}</div>'
    spent = {"training": "train_s", "quantising": "quantize_s", "evaluating": "evaluate_s"}
    split = time_split({name: float(files.trials[key].sum()) for name, key in spent.items()})
    about = (
        "One figure counts trials, the other the time since the first began, pauses of a resumed "
        "run included. Scores are by the INT8 simulation."
    )
    told = soft(about) if minutes is not None else soft("Scores are by the INT8 simulation.")
    improved = folded("Numbers of these figures", _improvements(files))
    head = "<h3>What the workers spent their time on</h3>"
    cached_here = (files.trials["cached_rungs"] > 0) & (files.trials["reused"] == "")
    if cached := int(cached_here.sum()):
        many = "1 trial was" if cached == 1 else f"{cached} trials were"
        head += soft(f"{many} trained before, wholly or in part: the cache gave that for no time.")
    return told + shown + improved + head + split


def _improvements(files: RunFiles) -> str:
    done = files.finished.sort_values("number")
    full = done[done["steps"] == done["steps"].max()]
    best = full[full["score"] > full["score"].cummax().shift(fill_value=float("-inf"))]
    rows = [
        (
            name_of(row),
            f"{row['score']:.4g}",
            number(row["psnr_int8_db"]),
            number(row["latency_ms"]),
        )
        for row in best.to_dict("records")
    ]
    head = ("network", "score", "INT8 PSNR, dB", "predicted ms")
    return table("Each network that was the best when it was finished", head, rows)
