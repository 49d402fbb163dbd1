"""Takes a network of a run out of it, as the package a user ships."""

import json
import math
import re
import tempfile
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError, RunError, UsageError
from nas.export.keras_archive import foreign_classes
from nas.export.layout import DEPLOYED, KERAS
from nas.graph import Graph, check_legal, parse_text, to_text
from nas.search.config import SearchConfig, read_config
from nas.search.damage import readable
from nas.search.folder import check_whole, whole_folder, why
from nas.search.trials_file import read_trials

if TYPE_CHECKING:  # importing it takes TensorFlow
    from nas.export.record import Record
    from nas.export.wishes import Wishes
    from nas.quantize.stored import StoredNetwork

__all__ = ["export_trial"]

ZOO = "zoo:"
_TIMES = ("latency_ms", "latency_low_ms", "latency_high_ms", "latency_novelty")
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is exported.

    Args:
        folder: Of a finalist, None where the network has to be trained first.
        network: Text form, empty where `folder` has it.
        known: What `result.json` says of it before it is trained.
    """

    folder: Path | None
    network: str = ""
    known: dict[str, Any] | None = None


def export_trial(
    run: Path,
    trial: str,
    out: Path,
    *,
    wishes: "Wishes | None" = None,
    note: Note = lambda line: None,
) -> "Record":
    """Writes the package of a finalist to `out`; trains and converts any other network first.

    Args:
        run: Run folder.
        trial: "best", the number of a finished trial, or `zoo:NAME` for a published network.
        out: New folder; it appears when all is in it.
        wishes: What is wanted beyond the usual files.
        note: Told of each slow step.

    Returns:
        What `parity.json` of the package holds.

    Raises:
        UsageError: `trial` is none of these, or a wish cannot be met.
        RunError: No such trial, an unfinished run, or `out` exists or cannot be written.
    """
    if trial != "best" and not re.fullmatch("[0-9]+", trial) and not trial.startswith(ZOO):
        raise UsageError(
            f"trial {trial!r} is no number", "--trial takes best, a number, or zoo:NAME"
        )
    try:
        _check_is_free(out)
        check_whole(run)
        with readable(run):
            chosen = _choose(run, trial)
        with whole_folder(out) as partial, readable(run):
            return _write(run, chosen, partial, wishes, note)
    except OSError as error:
        raise RunError(
            f"{out} cannot be written: {why(error)}", "free the disk, or give another --out"
        ) from error


def _check_is_free(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file", "give --out a new folder")
    if out.exists() and any(out.iterdir()):
        raise RunError(f"{out} exists and is not empty", "give --out a new folder")


def _choose(run: Path, trial: str) -> _Chosen:
    if trial.startswith(ZOO):
        return _published(run, trial.removeprefix(ZOO))
    folder = run / "best" if trial == "best" else run / "finalists" / trial
    if (folder / "result.json").is_file():
        return _Chosen(folder)
    if trial == "best":
        raise RunError(f"run {run} has no best network yet", f"nas search --run {run} --resume")
    for row in read_trials(run).to_dict("records"):
        if row["number"] == int(trial) and row["state"] == "COMPLETE" and row["network"]:
            return _Chosen(None, row["network"], _of_row(row))
    raise RunError(
        f"run {run} has no finished trial {trial!r}", "give best, or a number out of trials.csv"
    )


def _published(run: Path, name: str) -> _Chosen:
    """A published network: the run's finalist, one of its trials, or one that it never saw."""
    from nas.zoo import zoo_graph

    graph = zoo_graph(name)
    config, _ = read_config(run)
    if graph.scale != config.scale:
        raise UsageError(
            f"{ZOO}{name} upscales by {graph.scale}, run {run} by {config.scale}",
            "see `nas zoo list`",
        )
    check_legal(graph)
    for result in sorted(run.glob("finalists/*/result.json")):
        if json.loads(result.read_text(encoding="utf-8")).get("digest") == graph.digest:
            return _Chosen(result.parent)
    text = to_text(graph, separator="; ")
    for row in read_trials(run).to_dict("records"):
        if row["digest"] == graph.digest and row["state"] == "COMPLETE":
            return _Chosen(None, text, {**_of_row(row), "zoo": name})
    return _Chosen(None, text, {"zoo": name, **_predicted(config, graph)})


def _of_row(row: dict[Hashable, Any]) -> dict[str, Any]:
    """What a trial's row says that its `result.json` should."""
    found: dict[str, Any] = {"trial": row["number"], "zoo": row["zoo"]}
    return found | {n: row[n] for n in (*_TIMES, "memory_mb") if not math.isnan(row[n])}


def _predicted(config: SearchConfig, graph: Graph) -> dict[str, Any]:
    """Of a network that the run never saw: memory, and milliseconds where a model can tell."""
    from nas.latency.devices import load_device
    from nas.readers.cost import read_cost

    device = load_device(config.device)
    memory_bytes = read_cost(graph, device.height, device.width).peak_memory_bytes
    known = {"memory_mb": memory_bytes / 1e6}
    try:
        found = device.model.predict(graph)
    except NasError:
        return known
    times = (found.latency_ms, found.low_ms, found.high_ms, found.novelty)
    return known | {name: float(time) for name, time in zip(_TIMES, times, strict=True)}


def _write(
    run: Path, chosen: _Chosen, folder: Path, wishes: "Wishes | None", note: Note
) -> "Record":
    from nas.export.card import Facts
    from nas.export.wishes import Wishes
    from nas.quantize.quiet import quiet
    from nas.quantize.stored import load_stored

    note("loading TensorFlow")
    with quiet():  # it announces itself
        from nas.export.ship import ship
    config, _ = read_config(run)
    with tempfile.TemporaryDirectory(prefix="nas-export-") as spare:
        source = chosen.folder or Path(spare)
        _check_harmless(source / KERAS)
        if chosen.folder is None:
            note("training it by the recipe of the finalists on the processor, which takes minutes")
            _finalise(run, chosen.network, source, chosen.known or {})

        def deployed() -> "StoredNetwork":
            if (source / DEPLOYED).is_dir():
                return load_stored(source / DEPLOYED)
            from nas.search.requantise import requantise

            note("quantising it again, since this run kept no quantised weights")
            return requantise(run, source)

        result = json.loads((source / "result.json").read_text(encoding="utf-8"))
        for told in result.get("over_limits", ()):
            note(f"a limit of the run is not kept: {told}")
        facts = Facts(
            run=run.name,
            result=result,
            data=config.data,
            valid=config.valid,
            device=config.device,
            seed=config.seed,
        )
        return ship(
            source, folder, facts=facts, wishes=wishes or Wishes(), deployed=deployed, note=note
        )


def _check_harmless(file: Path) -> None:
    """A run may come from anybody, and a Keras file may hold programs."""
    if not file.is_file():
        return
    hint = "put back the file that the search wrote"
    try:
        foreign = foreign_classes(file)
    except ValueError as error:
        raise RunError(f"{file} cannot be read: {error}", hint) from error
    if foreign:
        raise RunError(f"{file} holds {', '.join(foreign)[:100]}, which may run any code", hint)


def _finalise(run: Path, network: str, folder: Path, known: dict[str, Any]) -> None:
    """Trains `network` by the recipe of the finalists, on the same data and on the processor."""
    from nas.search.bench import TrainingBench
    from nas.search.images import load_images
    from nas.search.result import judged

    config, _ = read_config(run)
    dataset = load_images(config, lambda line: None)  # the search named them already
    bench = TrainingBench(dataset, scale=config.scale, seed=config.seed)
    graph = parse_text(network)
    result = {"digest": graph.digest, "network": network, **known, **bench.finalise(graph, folder)}
    result |= judged(result, known, config)
    (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
