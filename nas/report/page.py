"""The report of a run: one HTML file that opens offline and says how far to trust its numbers."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from nas.errors import RunError
from nas.graph import parse_text, to_text
from nas.readers.draw import draw_svg
from nas.report import evidence
from nas.report.breakdown import breakdown
from nas.report.figures import pareto_figure, progress_figure
from nas.report.files import RunFiles, read_run
from nas.report.parts import (
    cards,
    facts,
    html,
    interval,
    number,
    section,
    soft,
    table,
    time_split,
)
from nas.search.folder import write_text
from nas.search.front import front
from nas.search.worth import PER_CENT

__all__ = ["write_report"]

Columns = tuple[tuple[str, str], ...]

CONVERTED: Columns = (
    ("torch float dB", "psnr_torch_float_db"),
    ("INT8 simulation dB", "psnr_int8_simulation_db"),
    ("Keras float dB", "psnr_keras_float_db"),
    ("LiteRT INT8 dB", "psnr_litert_int8_db"),
)
SIMULATED: Columns = (("float dB", "psnr_float_db"), ("INT8 simulation dB", "psnr_int8_db"))


def write_report(run: Path) -> Path:
    """Writes `report.html` into the run folder and returns its path.

    Args:
        run: A run folder, finished or not.

    Raises:
        RunError: No run folder, no finished trial in it yet, or a page that cannot be written.
    """
    files = read_run(run)
    best = _best(files)
    template = Template(Path(__file__).with_name("template.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=escape(f"Search {run.resolve().name}"),
        subtitle=escape(_subtitle(files)),
        notice="" if files.finalists else _NOTICE,
        cards=cards(_headline(files, best)),
        level=PER_CENT,
        pareto=html(pareto_figure(files.trials, files.finalists), plotly_too=True),
        finalists=_finalists(files, best),
        measured=evidence.measured(files),
        worth=evidence.worth(files),
        network=_network(best),
        breakdown=breakdown(best, str(files.config.get("device", ""))),
        trust=_items(_trust(files, best)),
        limits=section("What the device's card warns of", _items(evidence.limits(files))),
        progress=html(progress_figure(files.trials)),
        times=_times(files),
        config=facts(files.config),
        versions=facts({**_seeds(files), **files.env}),
    )
    path = run / "report.html"
    try:
        write_text(path, page)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror}", "free the disk, or copy the run"
        ) from error
    return path


_NOTICE = (
    '<p class="notice"><b>The search is not finished.</b> No network was converted yet: PSNR is '
    "that of the INT8 simulation, after short training.</p>"
)


def _best(files: RunFiles) -> Mapping[str, Any]:
    """What was really converted, else the best finished trial."""
    if files.best is not None:
        return files.best
    if files.finalists:
        return files.finalists[0]
    fully_trained = front(files.finished)
    best: Mapping[str, Any] = fully_trained.loc[fully_trained["score"].idxmax()].to_dict()
    return best


def _subtitle(files: RunFiles) -> str:
    finished = files.finished
    distinct = finished["digest"].nunique()
    early = int((finished["steps"] < finished["steps"].max()).sum())
    refused = int((files.trials["state"] == "PRUNED").sum())
    named = [f"{key} {files.config[key]}" for key in ("space", "device") if key in files.config]
    told = f"{distinct} distinct networks trained, {early} of them stopped early; {refused} refused"
    return ", ".join([*named, told])


def _headline(files: RunFiles, best: Mapping[str, Any]) -> list[tuple[str, str]]:
    zoo = f", {best['zoo']}" if best.get("zoo") else ""
    converted = best.get("psnr_litert_int8_db")
    psnr, how = (
        (best.get("psnr_int8_db"), "INT8 simulation")
        if converted is None
        else (
            converted,
            "INT8, converted, run by LiteRT",
        )
    )
    low, high = number(best["latency_low_ms"]), number(best["latency_high_ms"])
    timed, score, by = [], "score", ""
    if "measured_ms" in best:
        timed = [(f"{number(best['measured_ms'])} ms", best["measured_how"])]
    if "score_measured_ratio" in best:  # then it is the best by it
        score, by = "score_measured", best["measured_how"]
    return [
        (f"{number(psnr)} dB", how),
        (f"{number(best['latency_ms'])} ms", f"predicted, {low} to {high} ms"),
        *timed,
        (f"{best[score]:.4g}", f"score, time {by}" if by else "score"),
        (f"{number(best[f'{score}_ratio'])}x", "score over best published network of this run"),
        (f"#{best['number']:.0f}", f"best network{zoo}, {str(best['digest'])[:8]}"),
    ]


def _finalists(files: RunFiles, best: Mapping[str, Any]) -> str:
    if files.finalists:
        rows = files.finalists
        about = "Trained longer, converted to uint8 TensorFlow Lite and run by LiteRT."
        columns = CONVERTED
    else:
        rows = front(files.trials).to_dict("records")
        about = "None yet. This is the front of the search so far, by INT8 simulation."
        columns = SIMULATED
    head = ["network", *(name for name, _ in columns), "predicted ms", "novelty", "score"]
    head += ["ratio", "steps"]
    cells = [
        [
            f"#{row['number']} {row.get('zoo') or str(row['digest'])[:8]}",
            *(number(row.get(key)) for _, key in columns),
            interval(row),
            number(row.get("latency_novelty"), 1),
            f"{row['score']:.4g}",
            number(row["score_ratio"], 3),
            number(row["steps"], 0),
        ]
        for row in rows
    ]
    place = next((k for k, row in enumerate(rows) if row["digest"] == best["digest"]), -1)
    about += (
        " Times and scores are predicted; novelty is how many times wider the interval of a time "
        "is than amid measured networks."
    )
    return soft(about) + table(head, cells, best=place)


def _network(best: Mapping[str, Any]) -> str:
    graph = parse_text(str(best["network"]))
    return (
        f'<div class="network"><div>{draw_svg(graph)}</div>'
        f"<pre>{escape(to_text(graph))}</pre></div>"
    )


def _trust(files: RunFiles, best: Mapping[str, Any]) -> list[str]:
    data = files.config.get("data", "bundled")
    measured = next((f["measured_how"] for f in files.finalists if "measured_ms" in f), "")
    lines = [
        f"Milliseconds are predicted by a model {evidence.record(files)}. "
        + (f"Those {measured} stand apart. " if measured else "Nothing was measured here. ")
        + "A search favours networks whose time is predicted too low, so measure the winner "
        "before relying on a small lead.",
        f"PSNR is on the validation images of this run (data: {data}) after {best['steps']:.0f} "
        "training steps; it does not compare with figures published for other images or longer "
        "training. Ratios within the run do.",
        "Trials are ranked by a simulation of INT8 arithmetic after short training.",
    ]
    gaps = [
        abs(f["psnr_litert_int8_db"] - f["psnr_int8_simulation_db"])
        for f in files.finalists
        if f.get("psnr_int8_simulation_db") is not None
    ]
    if gaps:
        lines[-1] += (
            f" On {len(gaps)} finalists it differs from the converted file run by LiteRT by "
            f"{max(gaps):.3f} dB at most."
        )
    return lines


def _items(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _times(files: RunFiles) -> str:
    named = {"training": "train_s", "quantising": "quantize_s", "evaluating": "evaluate_s"}
    return time_split({name: float(files.trials[key].sum()) for name, key in named.items()})


def _seeds(files: RunFiles) -> dict[str, Any]:
    best = files.best or {}
    return {key: best[key] for key in ("seeds", "versions") if key in best}
