"""A run, from a configuration to its result: `start` a new one, `resume` one that was killed."""

import hashlib
import os
import platform
import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.study import Study
from optuna.trial import TrialState

from nas.data.sets import Dataset
from nas.errors import RunError, SpaceError, UsageError
from nas.latency.devices import Device, load_device
from nas.search.candidates import Judge
from nas.search.config import SearchConfig, config_of, read_config
from nas.search.crew import Crew
from nas.search.crops import keep_crops
from nas.search.damage import readable
from nas.search.events import Watcher
from nas.search.executors import open_executor
from nas.search.folder import (
    create_run,
    find_run,
    locked,
    new_run_path,
    remove_run,
    write_json,
)
from nas.search.front import front, trials_table
from nas.search.images import load_images
from nas.search.log import Log
from nas.search.loop import Loop, write_trials
from nas.search.measure import Meter, is_measured, measure_finalists, open_meter
from nas.search.result import choose_best, choose_finalists, finalise_all
from nas.search.reuse import check_reuse, reuse
from nas.search.session import logged_session
from nas.search.storage import STORAGE_ERRORS, disk_errors, opened_storage, storage_url
from nas.search.study import open_study
from nas.search.tasks import Setup
from nas.search.worth import Worth, measured_times, worth_measuring
from nas.space import Option, Space, load_space

__all__ = ["BENCH", "RunResult", "join", "resume", "start"]

_ASKED = "run"  # attribute of a study: what its search was asked to do
_DIGEST_SAMPLES = 20
FACTS = ("space_digest", "data_digest")
BENCH = "nas.search.bench:TrainingBench"
GPU_BENCH = "nas.search.bench:GpuBench"


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What a run found.

    Args:
        folder: Of the run.
        table: All trials, see `nas.search.front`.
        finalists: Contents of their `result.json`, best first.
        device: Whose model predicted the times; as it was before it learnt of measured finalists.
    """

    folder: Path
    table: pd.DataFrame
    finalists: list[dict[str, Any]]
    device: Device

    @property
    def best(self) -> dict[str, Any]:
        return self.finalists[0]

    @property
    def front(self) -> pd.DataFrame:
        return front(self.table)

    @property
    def worth_measuring(self) -> list[Worth]:
        return worth_measuring(self.table, measured_times(self.finalists))


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """What a configuration names, loaded and found good."""

    config: SearchConfig
    judge: Judge
    dataset: Dataset
    facts: dict[str, str]
    device: Device
    meter: Meter | None


@dataclass(frozen=True, slots=True)
class _Here:
    """This search, among those that share a study."""

    folder: Path
    driver: str
    bench: str


def start(
    config: SearchConfig, *, name: str | None, watch: Watcher, bench: str = BENCH
) -> RunResult:
    """A new run. Nothing is written before everything that was asked for is found good.

    Args:
        config: What to search.
        name: Of the run folder, or its path; none: the date, the space and the device.
        watch: Told of the progress.
        bench: What evaluates in a worker, as `nas.search.tasks.Setup` takes it; tests of the
            loop give a fast one.

    Raises:
        UserError: Whatever a person can mend; no run folder is left where nothing was evaluated.
    """
    config.check()
    folder = new_run_path(name, space=config.space, device=config.device)
    if config.storage:
        with opened_storage(config.storage):
            """It answers."""
    parts = _load(config, watch)
    if config.reuse:
        check_reuse(Path(config.reuse), config, parts.facts)
    with disk_errors(folder):
        driver = uuid.uuid4().hex
        create_run(folder, {**config.to_json(), **_about(parts, folder.name, driver)})
        with locked(folder), ExitStack() as stack:
            try:
                study = stack.enter_context(_study(folder, config, folder.name, resume=False))
            except BaseException:
                remove_run(folder)
                raise
            try:
                _ask(study, parts, config, folder, watch)
                return _go(study, parts, _Here(folder, driver, bench), watch)
            except Exception:
                _take_back(study, config, folder)
                raise


def resume(
    name: str | None, given: Mapping[str, Any], *, watch: Watcher, bench: str = BENCH
) -> RunResult:
    """Continues a run to the budget it was started with.

    Args:
        name: Of the run folder, or its path; none: the last one.
        given: Configuration that was given again; it must not contradict the stored one.
        watch: Told of the progress.
        bench: As for `start`.

    Raises:
        UserError: Whatever a person can mend.
    """
    folder = find_run(name)
    stored, facts = read_config(folder)
    config = stored.merged(given, folder)
    config.check()
    with disk_errors(folder), locked(folder), readable(folder):
        parts = _load(config, watch, now=not is_measured(folder))
        _check_facts(folder, facts, parts.facts)
        if config.measure != stored.measure:
            asked = replace(stored, measure=config.measure)
            write_json(folder / "config.json", {**asked.to_json(), **facts})
        # The folder may have been copied, or renamed.
        with _study(folder, config, facts.get("study", folder.name), resume=True) as study:
            _ask(study, parts, stored, folder, watch)
            return _go(study, parts, _Here(folder, facts.get("driver", ""), bench), watch)


def join(
    study_name: str,
    given: Mapping[str, Any],
    *,
    name: str | None,
    watch: Watcher,
    bench: str = BENCH,
) -> int:
    """Helps a search on another machine, or a second time on this one, to its budget.

    Finalists are left to the search that was started.

    Args:
        study_name: Of the search.
        given: The storage; and where images, workers and cluster are here.
        name: Of the folder for what is trained here; none: the study, this machine and a number.
        watch: Told of the progress.
        bench: As for `start`.

    Returns:
        How many networks were finished here.

    Raises:
        UserError: No such study, other images, another space; or as `start`.
    """
    if not given.get("storage"):
        raise UsageError("a study is joined in its storage", "give --storage, as the search did")
    with opened_storage(given["storage"]) as storage:
        if study_name not in optuna.get_all_study_names(storage):
            raise RunError(f"the storage has no study {study_name!r}", "has the search started?")
        study = open_study(storage, study_name, resume=True)
        return _help(study, given, name, watch, bench)


def _help(
    study: Study, given: Mapping[str, Any], name: str | None, watch: Watcher, bench: str
) -> int:
    asked = dict(study.user_attrs.get(_ASKED, {}))
    if not asked:
        raise RunError(f"study {study.study_name!r} is of before", "start another search")
    try:
        stored, facts = config_of(asked)
    except ValueError as error:
        raise RunError(f"study {study.study_name!r} is no search: {error}", "is it ours?") from None
    config = stored.joined(given, study.study_name)
    config.check()
    name = name or f"{study.study_name}-{platform.node()}-{os.getpid()}"
    folder = new_run_path(name, space=config.space, device=config.device)
    parts = _load(config, watch)
    _check_facts(study.study_name, facts, parts.facts)
    driver = uuid.uuid4().hex
    with disk_errors(folder):
        create_run(folder, {**config.to_json(), **_about(parts, study.study_name, driver)})
        here = _Here(folder, driver, bench)
        with locked(folder), _interruptible(folder, watch), _logged(study, parts, here):
            return _train(study, parts, here, watch)[1]


def _check_facts(run: str | Path, stored: Mapping[str, Any], found: Mapping[str, str]) -> None:
    for fact, value in found.items():
        if stored.get(fact) != value:
            raise RunError(
                f"the {fact} of {run} was {stored.get(fact)}, now it is {value}",
                "restore the files it was started with, or start another --run",
            )


def _load(config: SearchConfig, watch: Watcher, *, now: bool = True) -> _Parts:
    """What `config` names; `now` says whether something will be measured."""
    space = load_space(config.space)
    space.check_scale(config.scale)
    device = load_device(config.device)
    judge = Judge(
        space,
        device.model,
        scale=config.scale,
        limits=config.limits,
        input_size=(device.height, device.width),
    )
    meter = open_meter(device, config.measure, now=now) if config.measure else None
    dataset = load_images(config, lambda line: watch.note(f"skipped {line}"))
    watch.note(
        f"data {dataset.name}: {len(dataset.train)} images train, {len(dataset.valid)} validate"
    )
    facts = dict(zip(FACTS, (_digest(space, config.scale), dataset.digest), strict=True))
    return _Parts(config, judge, dataset, facts, device, meter)


def _about(parts: _Parts, study: str, driver: str) -> dict[str, Any]:
    """For `config.json`, beside the configuration."""
    counts = {
        "num_train_images": len(parts.dataset.train),
        "num_valid_images": len(parts.dataset.valid),
    }
    return {**parts.facts, **counts, "study": study, "driver": driver}


def _ask(study: Study, parts: _Parts, asked: SearchConfig, folder: Path, watch: Watcher) -> None:
    """Makes the study one that others may join, unless it is, and names the run folder.

    What is reused comes first: a search that was killed before the end of this does it again.
    """
    if not study.user_attrs.get(_ASKED):
        if asked.reuse:
            with _interruptible(folder, watch):
                count = reuse(study, Path(asked.reuse), parts.judge, asked)
            watch.note(
                f"{count} networks that {asked.reuse} measured are ranked for {asked.device}"
            )
        study.set_user_attr(_ASKED, {**asked.to_json(), **parts.facts})
    watch.note(f"run folder {folder}")


@contextmanager
def _study(folder: Path, config: SearchConfig, name: str, *, resume: bool) -> Iterator[Study]:
    hint = "" if config.storage else "is the disk full? free space, then try again"
    with opened_storage(storage_url(config.storage, folder), hint=hint) as storage:
        names = optuna.get_all_study_names(storage) if resume and not config.storage else []
        if len(names) == 1:  # a run of before does not say its name, should the folder be renamed
            name = names[0]
        yield open_study(storage, name, resume=resume)


def _go(study: Study, parts: _Parts, here: _Here, watch: Watcher) -> RunResult:
    config, folder = parts.config, here.folder
    with _interruptible(folder, watch), _logged(study, parts, here):
        finalists, _ = _train(study, parts, here, watch, finalise=True)
        choose_best(finalists, folder)
        if parts.meter:  # no worker disturbs it any more
            finalists = measure_finalists(
                parts.meter, finalists, folder, config=config, watch=watch
            )
            choose_best(finalists, folder)
    return RunResult(folder, trials_table(study), finalists, parts.device)


def _train(
    study: Study, parts: _Parts, here: _Here, watch: Watcher, *, finalise: bool = False
) -> tuple[list[dict[str, Any]], int]:
    """Brings the study to its budget; returns the finalists, and how many networks it trained."""
    config, folder = parts.config, here.folder
    keep_crops(folder, parts.dataset, config.scale)
    loop = Loop(study, parts.judge, config, folder, watch, driver=here.driver)
    on_gpu = (here.bench, config.hardware) == (BENCH, "cuda")
    setup = Setup(
        GPU_BENCH if on_gpu else here.bench,
        parts.dataset,
        config.scale,
        config.seed,
        max_memory_gb=config.max_memory_gb,
        hardware=config.hardware,
    )
    executor = open_executor(config.cluster, setup, workers=config.workers)
    log = Log(folder, config.storage)
    with Crew(executor, on_death=lambda **facts: log.write("retried", **facts)) as crew:
        watch.note(f"candidates train in {executor.describe()}")
        try:
            loop.run(crew)
        finally:
            write_trials(study, folder)
        if not finalise:
            return [], loop.num_trained
        table = trials_table(study)
        finalists = choose_finalists(table)
        log.write("finalists", trials=finalists)
        chosen = table[table["number"].isin(finalists)]
        rows = [{str(k): v for k, v in row.items()} for row in chosen.to_dict("records")]
        return finalise_all(crew, rows, folder, config, watch), loop.num_trained


def _logged(study: Study, parts: _Parts, here: _Here) -> AbstractContextManager[None]:
    return logged_session(
        Log(here.folder, parts.config.storage),
        config=parts.config.to_json(),
        study=study.study_name,
        driver=here.driver,
        **parts.facts,
    )


@contextmanager
def _interruptible(folder: Path, watch: Watcher) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        watch.note(f"stopped; continue with: nas search --run {folder} --resume")
        raise


def _take_back(study: Study, config: SearchConfig, folder: Path) -> None:
    """Removes a new run in which nothing was evaluated, so that an error leaves nothing behind."""
    try:
        if study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return
        if config.storage:
            optuna.delete_study(study_name=study.study_name, storage=study._storage)
    except STORAGE_ERRORS:
        return  # it is gone: whether anything was evaluated, only --resume can tell
    remove_run(folder)


def _digest(space: Space, scale: int) -> str:
    """Changes with the choices and the networks of a space file, which a resumed run must not see.

    The networks are the known ones and a sample.
    """
    choices = [(c.name, c.options, sorted(c.when.items())) for c in space.choices]
    rng = random.Random(0)
    picks = [*space.known.values(), *(space.sample(rng) for _ in range(_DIGEST_SAMPLES))]
    facts = (choices, [_network_digest(space, pick, scale) for pick in picks])
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _network_digest(space: Space, decisions: Mapping[str, Option], scale: int) -> str:
    try:
        return space.graph(decisions, scale=scale).digest
    except SpaceError:  # its text may hold an address
        return "none"
