"""What a run was asked to do, and whether a resumed run is asked the same."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from nas.errors import RunError, UsageError
from nas.latency.backends import BACKENDS
from nas.search.executors.choice import check_cluster
from nas.search.score import check_constant

__all__ = ["SAMPLERS", "SearchConfig", "count_cores", "hide_password", "read_config"]

_FREE = ("workers", "cluster", "max_hours", "max_memory_gb", "candidate_timeout_s")
SAMPLERS = ("auto", "tpe", "nsga2", "gp", "random")


def count_cores() -> int:
    """Cores this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """Everything that decides what a run finds; workers and limits decide how fast and how far.

    `measure` may be added when a run is resumed, for it changes nothing that was found before.

    Args:
        budget: Distinct networks to evaluate.
        space: Name or path of a space.
        device: Whose latency model counts.
        data: Images to train on, as `nas.data.sets.load_dataset` takes them.
        valid: Images to validate on, where `data` should not be split.
        scale: Upscaling factor.
        max_latency_ms: Slower networks are refused before training.
        sampler: One of `SAMPLERS`.
        seed: Of everything random.
        score: Name of the constant in `nas.search.score`.
        storage: URL of the study; none: SQLite in the run folder.
        workers: Processes that evaluate, where no cluster does.
        cluster: Where candidates train, as `nas.search.executors.check_cluster` takes it.
        max_hours: After which no network is begun; none: no limit.
        max_memory_gb: That a worker may take.
        candidate_timeout_s: That a network may train for, from rung to rung.
        measure: The back-end that times the finalists; none: their times stay predicted.
    """

    budget: int = 200
    space: str = "hxnet"
    device: str = "synaptics-vs680"
    data: str = "bundled"
    valid: str | None = None
    scale: int = 3
    max_latency_ms: float | None = None
    sampler: str = "auto"
    seed: int = 0
    score: str = "mai2022"
    storage: str | None = None
    workers: int = 1
    cluster: str | None = None
    max_hours: float | None = None
    max_memory_gb: float | None = None
    candidate_timeout_s: float | None = None
    measure: str | None = None

    def check(self) -> None:
        """Raises `UsageError` for a value that no run can have."""
        if self.budget < 1:
            raise UsageError(
                f"budget {self.budget} is under 1", "--budget counts networks to evaluate"
            )
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers are too few", "--workers needs at least 1")
        if not 0 <= self.seed < 2**32:
            raise UsageError(
                f"seed {self.seed} is outside 0 to {2**32 - 1}", "--seed takes one of these"
            )
        if self.max_latency_ms is not None and not self.max_latency_ms > 0:
            raise UsageError(
                f"latency limit {self.max_latency_ms:g} ms is not positive",
                "--max-latency-ms takes milliseconds",
            )
        for name in ("max_hours", "max_memory_gb", "candidate_timeout_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} {value:g} is not positive", "leave it out for no limit")
        if self.sampler not in SAMPLERS:
            raise UsageError(
                f"there is no sampler {self.sampler!r}",
                f"--sampler is one of {', '.join(SAMPLERS)}",
            )
        if self.measure is not None and self.measure not in BACKENDS:
            raise UsageError(
                f"there is no back-end {self.measure!r}",
                f"--measure is one of {', '.join(BACKENDS)}",
            )
        if self.cluster is not None:
            check_cluster(self.cluster)
        check_constant(self.score)

    def to_json(self) -> dict[str, Any]:
        """For `config.json`; a password in the storage URL is left out."""
        return asdict(replace(self, storage=hide_password(self.storage)))

    def merged(self, given: Mapping[str, Any], where: Path) -> "SearchConfig":
        """This stored configuration with what a person gave when resuming.

        Raises:
            RunError: `given` contradicts what the run was started with; names each field.
        """
        stored = self.to_json()
        shown = {**given, "storage": hide_password(given.get("storage"))}
        free = {*_FREE, *(() if self.measure else ("measure",))}
        contradictions = [
            f"{name} is {stored[name]}, asked for {shown[name]}"
            for name in stored
            if name in given and name not in free and stored[name] != shown[name]
        ]
        if contradictions:
            raise RunError(
                f"{where} was started otherwise: {'; '.join(contradictions)}",
                "resume with the same options, or start another --run",
            )
        if ":***@" in (self.storage or "") and "storage" not in given:
            raise RunError(
                f"the storage of {where} needs a password, which is never stored",
                f"give --storage again: {self.storage}",
            )
        return replace(self, **given)


def _check_types(config: SearchConfig) -> None:
    """Raises `ValueError` where somebody edited a value into another kind."""
    for field in fields(config):
        value, kind = getattr(config, field.name), field.type
        is_number = isinstance(value, int) and isinstance(1.0, kind)  # type: ignore[arg-type]
        if isinstance(value, bool) or not (isinstance(value, kind) or is_number):  # type: ignore[arg-type]
            raise ValueError(f"{field.name} is {value!r}")


def hide_password(url: str | None) -> str | None:
    """`url` as it may be written to a file or a terminal."""
    return url and re.sub(r"://([^:/@]*):[^@]*@", r"://\1:***@", url)


def read_config(folder: Path) -> tuple[SearchConfig, dict[str, Any]]:
    """The configuration of a run folder, and the other facts beside it.

    Raises:
        RunError: No run folder, or a `config.json` that is none.
    """
    path = folder / "config.json"
    try:
        facts = {**dict.fromkeys((*_FREE, "measure")), **json.loads(path.read_text())}
        names = {field.name for field in fields(SearchConfig)}
        config = SearchConfig(**{name: facts.pop(name) for name in names})
        _check_types(config)
    except FileNotFoundError:
        raise RunError(
            f"there is no run in {folder}", "leave out --resume to start one, or check --run"
        ) from None
    except (ValueError, KeyError, AttributeError, OSError) as error:
        raise RunError(
            f"{path} is no configuration of a run: {error!r}", "start another --run"
        ) from error
    return config, facts
