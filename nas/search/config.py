"""What a run was asked to do, and whether a resumed run is asked the same."""

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from nas.errors import RunError, UsageError
from nas.latency.backends import BACKENDS
from nas.search.executors.choice import check_cluster
from nas.search.facts import read_facts
from nas.search.limits import LIMITS, Limits
from nas.search.score import check_constant
from nas.search.secrets import hide_password, is_hidden
from nas.space import space_names

__all__ = [
    "HARDWARE",
    "SAMPLERS",
    "SearchConfig",
    "config_of",
    "count_cores",
    "read_config",
    "storage_of",
]

_FREE = ("workers", "cluster", "max_hours", "max_memory_gb", "candidate_timeout_s")
_ENDS = ("max_hours", "max_memory_gb", "candidate_timeout_s")
_LEAST_MEMORY_GB = 0.5  # a worker takes nearly so much before it trains anything
_LARGEST_LIMIT = 1e9  # of hours, GB or seconds; more is no limit, and overflows in the system
HARDWARE = ("cpu", "cuda")
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
        max_latency_ms: Slower networks are refused before training, as those over the next two.
        max_size_kib: Of the uint8 TensorFlow Lite file.
        max_memory_mb: Of INT8 activations alive at once, at the input size of the device.
        min_psnr_db: Of the INT8 network; worse ones are trained, but do not win.
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
        hardware: One of `HARDWARE`, of every worker; a run does not mix them.
        reuse: Path of an earlier run, whose networks are ranked, too.
    """

    budget: int = 200
    space: str = "hxnet"
    device: str = "synaptics-vs680"
    data: str = "bundled"
    valid: str | None = None
    scale: int = 3
    max_latency_ms: float | None = None
    max_size_kib: float | None = None
    max_memory_mb: float | None = None
    min_psnr_db: float | None = None
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
    hardware: str = "cpu"
    reuse: str | None = None

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
        self.limits.check()
        for name in _ENDS:
            value, option = getattr(self, name), f"--{name.replace('_', '-')}"
            if value is not None and not 0 < value <= _LARGEST_LIMIT:
                wrong = f"{_short(value)} is {'too large' if value > 0 else 'not positive'}"
                raise UsageError(f"{option} {wrong}", "leave it out for no limit")
        if self.max_memory_gb is not None and self.max_memory_gb < _LEAST_MEMORY_GB:
            raise UsageError(
                f"--max-memory-gb {self.max_memory_gb:g} is too little for any worker",
                f"it takes {_LEAST_MEMORY_GB:g} before it trains anything, and 1 for most networks",
            )
        if self.sampler not in SAMPLERS:
            raise UsageError(
                f"there is no sampler {self.sampler!r}",
                f"--sampler is one of {', '.join(SAMPLERS)}",
            )
        if self.hardware not in HARDWARE:
            raise UsageError(
                f"there is no hardware {self.hardware!r}",
                f"--hardware is one of {', '.join(HARDWARE)}",
            )
        if self.measure is not None and self.measure not in BACKENDS:
            raise UsageError(
                f"there is no back-end {self.measure!r}",
                f"--measure is one of {', '.join(BACKENDS)}",
            )
        if self.cluster is not None:
            check_cluster(self.cluster)
        check_constant(self.score)

    @property
    def limits(self) -> Limits:
        """What is demanded of a network."""
        return Limits(**{name: getattr(self, name) for name in LIMITS})

    def to_json(self) -> dict[str, Any]:
        """For `config.json`; a password in the storage URL is left out."""
        return asdict(replace(self, storage=hide_password(self.storage)))

    def merged(self, given: Mapping[str, Any], where: Path) -> "SearchConfig":
        """This stored configuration with what a person gave when resuming.

        Raises:
            RunError: `given` contradicts what the run was started with; names each field.
        """
        free = {*_FREE, *(() if self.measure else ("measure",))}
        if told := self._contradictions(given, free):
            raise RunError(
                f"{where} was started otherwise: {told}",
                "resume with the same options, or start another --run",
            )
        self._check_trust(given, where)
        return replace(self, **given)

    def joined(self, given: Mapping[str, Any], study: str) -> "SearchConfig":
        """What a search that joins `study` does, which another machine stored as this.

        Raises:
            RunError: `given` contradicts the search (images, and a space in a file, may lie
                elsewhere: their digests are compared later), or the space is a file and was not
                given again.
        """
        free = {*_FREE, "storage", "data", "valid", *(("space",) if self._space_is_file else ())}
        if told := self._contradictions(given, free):
            raise RunError(
                f"study {study!r} was started otherwise: {told}",
                "leave these options out, or start another search",
            )
        own: dict[str, Any] = {"workers": 1, **dict.fromkeys((*_FREE[1:], "measure"))}
        joined = replace(self, **{**own, **given})
        joined._check_trust({**own, **given}, f"study {study!r}")
        return joined

    @property
    def _space_is_file(self) -> bool:
        return self.space not in space_names()

    def _contradictions(self, given: Mapping[str, Any], free: Collection[str]) -> str:
        """Where `given` says something else, but for what is free; "" where nowhere."""
        stored = self.to_json()
        shown = {**given, "storage": hide_password(given.get("storage"))}
        return "; ".join(
            f"{name} is {stored[name]}, asked for {shown[name]}"
            for name in stored
            if name in given and name not in free and stored[name] != shown[name]
        )

    def _check_trust(self, given: Mapping[str, Any], where: object) -> None:
        """A run may come from anybody: it alone starts no program and connects to nobody.

        Raises:
            RunError: Something that does was not given again; names the option.
        """
        storage_of(self.storage, given.get("storage"), where)
        if "space" not in given and self._space_is_file:
            raise RunError(
                f"the space of {where} is a file, which runs as a program: {self.space}",
                f"if you trust it, give --space {self.space} again",
            )
        kind = (self.cluster or "inline").partition(":")[0]
        if "cluster" not in given and kind not in ("inline", "local"):
            raise RunError(
                f"{where} trained on the cluster {self.cluster}, which would get your images and "
                "answer with programs",
                f"if you trust it, give --cluster {self.cluster} again, or another",
            )


def storage_of(stored: str | None, given: str | None, where: object) -> str | None:
    """URL of the study of a run; none: SQLite in the run folder.

    Raises:
        RunError: It lies elsewhere, and was not given again.
    """
    if given or not stored:
        return given
    if is_hidden(stored):
        raise RunError(
            f"the storage of {where} needs a password, which is never stored",
            f"give --storage again: {stored}",
        )
    raise RunError(
        f"the study of {where} is not in its folder but in {stored}",
        f"if you trust it, give --storage {stored} again",
    )


def config_of(facts: Mapping[str, Any]) -> tuple[SearchConfig, dict[str, Any]]:
    """A stored configuration, and what stands beside it; older ones lack newer options.

    Raises:
        ValueError: A value is missing or of another kind.
    """
    left = {**dict.fromkeys((*_FREE, *LIMITS, "measure", "reuse")), "hardware": "cpu", **facts}
    if missing := [field.name for field in fields(SearchConfig) if field.name not in left]:
        raise ValueError(f"it has no {missing[0]}")
    values = {field.name: left.pop(field.name) for field in fields(SearchConfig)}
    for field in fields(SearchConfig):
        value, kind = values[field.name], field.type
        is_number = isinstance(value, int) and isinstance(1.0, kind)  # type: ignore[arg-type]
        if isinstance(value, bool) or not (isinstance(value, kind) or is_number):  # type: ignore[arg-type]
            raise ValueError(f"{field.name} is {_short(value)}")
    for name in ("study", "driver"):
        if not isinstance(left.get(name, ""), str):
            raise ValueError(f"{name} is {_short(left[name])}")
    return SearchConfig(**values), left


def _short(value: object) -> str:
    """Numbers of a thousand digits are refused, not shown."""
    if isinstance(value, int) and abs(value) > 2**64:
        return f"a number of {int(math.log10(abs(value))) + 1} digits"
    return f"{value:g}" if isinstance(value, float) else repr(value)[:60]


def read_config(folder: Path) -> tuple[SearchConfig, dict[str, Any]]:
    """The configuration of a run folder, and the other facts beside it.

    Raises:
        RunError: No run folder, or a `config.json` that is none.
    """
    path = folder / "config.json"
    try:
        return config_of(read_facts(path))
    except FileNotFoundError:
        raise RunError(
            f"there is no run in {folder}", "leave out --resume to start one, or check --run"
        ) from None
    except (ValueError, OSError) as error:
        raise RunError(
            f"{path} is no configuration of a run: {error}", "start another --run"
        ) from error
