"""Real searches in real processes, to be struck at a moment and checked afterwards."""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from nas.search.audit import check_run
from nas.search.folder import is_locked
from nas.search.front import trials_table
from nas.search.storage import opened_storage, storage_url
from nas.search.study import existing_study, measured_of
from tests.search.faults.bench import NOTES

__all__ = ["BUDGET", "Moment", "Scene", "Session", "Stored", "eventually", "processes_of"]

BUDGET = 10
ROOT = Path(__file__).parents[3]
_MARK = "NAS_FAULT_MARK"
_LINES = BUDGET + 11  # that a search writes: 6 at first, one a network, 5 of the finalists
_LONG_S = 90  # no session takes this long


@dataclass(frozen=True, slots=True)
class Moment:
    """When a fault strikes: after so many lines of a search, and a little later."""

    lines: int
    later_s: float

    @classmethod
    def draw(cls, rng: random.Random, *, first: int = 0) -> "Moment":
        """Over the whole life of a search, from line `first` on; starting takes longest."""
        lines = rng.randint(first, _LINES)
        return cls(lines, rng.uniform(0, 2.5 if lines == 0 else 0.25))


@dataclass(frozen=True, slots=True)
class Stored:
    """What a study held at a moment."""

    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    rungs: frozenset[tuple[str, int]] = frozenset()
    states: dict[str, list[str]] = field(default_factory=dict)
    num_noted: int = 0


@dataclass(slots=True)
class Session:
    """A process that searches."""

    process: "subprocess.Popen[bytes]"
    stdout: Path
    stderr: Path

    @property
    def lines(self) -> list[str]:
        return self.stderr.read_text(errors="replace").splitlines()

    def reach(self, moment: Moment) -> None:
        """Blocks until the moment is there, or the process has ended."""
        deadline_s = time.monotonic() + _LONG_S
        while len(self.lines) < moment.lines and self.process.poll() is None:
            assert time.monotonic() < deadline_s, "\n".join(self.lines)
            time.sleep(0.005)
        self.pause(moment.later_s)

    def wait_for(self, text: str) -> None:
        """Blocks until it says so."""
        eventually(
            lambda: any(text in line for line in self.lines) or self.process.poll() is not None,
            f"it does not say {text}",
            within_s=_LONG_S,
        )

    def pause(self, seconds: float) -> None:
        """Lets it work for a while."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """The exit code, once there is one."""
        try:
            code = self.process.wait(_LONG_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("it hangs:\n" + "\n".join(self.lines)) from None
        return code

    def succeeds(self) -> None:
        """It ends with its result."""
        code = self.stops_well()
        assert code == 0, "\n".join(self.lines)

    def stops_well(self) -> int:
        """It ends with its result; or with one line for a person, and code 2."""
        code, text = self.end(), "\n".join(self.lines)
        assert "Traceback" not in text, text
        assert code in (0, 2), f"exit code {code}\n{text}"
        errors = [line for line in self.lines if line.startswith("error: ")]
        assert len(errors) == (code == 2), text
        assert code == 0 or self.lines[-1] == errors[0], text
        return code


class Scene:
    """A working directory with images, and the searches that run in it.

    Args:
        folder: Empty.
        images: To search on.
        options: Of every `nas search`.
        run: Its folder, called `r`; none: below `runs/`.
        facts: Told how often it is resumed.
    """

    def __init__(
        self,
        folder: Path,
        images: str,
        options: Sequence[str] = (),
        *,
        run: Path | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.folder, self.run = folder, run or folder / "runs" / "r"
        self.notes = folder / "notes"
        self.notes.touch()
        self.storage: str | None = None
        self._facts = {"resumed": 0} if facts is None else facts
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            "OMP_NUM_THREADS": "1",
            NOTES: str(self.notes),
            _MARK: uuid.uuid4().hex,
        }
        self.prefix: list[str] = []
        self.options = list(options)
        self._images = images
        self._sessions: list[Session] = []

    def start(self) -> Session:
        """`nas search`, as one types it first."""
        budget = ["--budget", str(BUDGET), "--data", self._images]
        if "--cluster" not in self.options:
            budget += ["--workers", "2"]
        return self.spawn([*budget, "--run", str(self.run), *self.options, *self._stored_in()])

    def resume(self) -> Session:
        """As one types it after an accident; the first command again where there is no run."""
        self._facts["resumed"] += 1
        if not (self.run / "config.json").is_file():
            return self.start()
        return self.spawn(["--run", str(self.run), "--resume", *self.options, *self._stored_in()])

    def join(self) -> Session:
        """Helps the search, from a folder of its own; resumes that where there is one."""
        options = ["--run", str(self.helper), *self._stored_in()]
        if (self.helper / "config.json").is_file():
            return self.spawn([*options, "--resume"])
        return self.spawn([*options, "--join", "r", "--workers", "1", "--data", self._images])

    def spawn(self, options: Sequence[str]) -> Session:
        """Any `nas search`."""
        number = len(self._sessions)
        out, err = self.folder / f"out-{number}", self.folder / f"err-{number}"
        command = [*self.prefix, sys.executable, "-m", "tests.search.faults.driver", "search"]
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [*command, *options],
                cwd=self.folder,
                env=self.environment,
                stdout=stdout,
                stderr=stderr,
            )
        self._sessions.append(Session(process, out, err))
        return self._sessions[-1]

    @property
    def helper(self) -> Path:
        """The folder of a search that helps."""
        return self.run.with_name("helper")

    def _stored_in(self) -> list[str]:
        return ["--storage", self.storage] if self.storage else []

    def python(self, code: str) -> str:
        """What a program prints where the searches run."""
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environment, capture_output=True, check=True
        )
        return done.stdout.decode()

    def workers(self) -> list[int]:
        """Processes that noted something and live."""
        mine = set(processes_of(self.environment[_MARK]))
        return sorted(mine & {int(line.split()[3]) for line in self.noted()})

    def noted(self) -> list[str]:
        """All whole lines of the notes."""
        return [line for line in self.notes.read_text().splitlines() if line.count(" ") == 3]

    def stored(self) -> Stored:
        """What the study holds now; nothing where there is none."""
        num_noted = len(self.noted())
        if not self.storage and not (self.run / "study.db").is_file():
            return Stored(num_noted=num_noted)
        with opened_storage(storage_url(self.storage, self.run)) as storage:
            try:
                study = existing_study(storage, "r")
            except Exception:
                return Stored(num_noted=num_noted)
            states, rungs, values = defaultdict(list), set(), {}
            for trial in study.get_trials(deepcopy=False):
                digest = trial.user_attrs["digest"]
                states[trial.state.name].append(digest)
                if trial.state.name == "COMPLETE":
                    values[digest] = tuple(trial.values)
                if trial.state.name in ("COMPLETE", "RUNNING"):
                    reached = len(measured_of(trial.user_attrs).readings)
                    rungs |= {(digest, rung) for rung in range(reached)}
            return Stored(values, frozenset(rungs), dict(states), num_noted)

    def table(self) -> pd.DataFrame:
        """All trials."""
        with opened_storage(storage_url(self.storage, self.run)) as storage:
            return trials_table(existing_study(storage, "r"))

    def nobody_is_left(self) -> None:
        """Neither a process nor a lock outlives a search."""
        mark = self.environment[_MARK]
        eventually(lambda: not processes_of(mark), f"processes are left: {_names(mark)}")
        assert not self.run.exists() or not is_locked(self.run)

    def all_is_well(self, before: Stored) -> None:
        """What every accident must leave, once the run is resumed; `before` is from then."""
        after = self.stored()
        done = after.states.get("COMPLETE", [])
        assert len(done) == len(set(done)) == BUDGET, after.states
        assert set(after.states) <= {"COMPLETE", "PRUNED", "FAIL"}, after.states
        lost = {d: v for d, v in before.values.items() if after.values.get(d) != v}
        assert not lost, f"finished trials are lost or changed: {lost}"
        assert check_run(self.run, storage=self.storage) == []
        assert (self.run / "best" / "result.json").is_file()
        self.nobody_is_left()

    def resumed_well(self, before: Stored) -> None:
        """All is well, and no rung that the study had at the accident was trained after it."""
        self.all_is_well(before)
        again = before.rungs & set(self.began(since=before.num_noted))
        assert not again, f"the study had them, and they were trained again: {again}"

    def went_on_well(self, excused: Callable[[tuple[str, int], list[int]], bool]) -> None:
        """All is well, and no rung was trained twice without an excuse.

        Args:
            excused: Of a rung, and of the processes that it began in before the last time.
        """
        self.all_is_well(self.stored())
        for key, processes in self.began().items():
            assert excused(key, processes[:-1]), f"{key} was trained by {processes}"

    def began(self, *, since: int = 0) -> dict[tuple[str, int], list[int]]:
        """By network and rung: the processes that began it, after so many lines of the notes."""
        found: dict[tuple[str, int], list[int]] = defaultdict(list)
        for line in self.noted()[since:]:
            event, digest, rung, process = line.split()
            if event == "begin":
                found[digest, int(rung)].append(int(process))
        return found

    def close(self) -> None:
        """Ends what a failed test left."""
        for session in self._sessions:
            if session.process.poll() is None:
                session.kill()
        for process in processes_of(self.environment[_MARK]):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def eventually(holds: Callable[[], bool], otherwise: str, *, within_s: float = 15) -> None:
    """Waits until it does."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, otherwise
        time.sleep(0.05)


def processes_of(mark: str) -> list[int]:
    """Living processes that were started in a scene, by whomever."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():  # empty of a zombie
                found.append(int(folder.name))
    return found


def _names(mark: str) -> list[str]:
    names = []
    for process in processes_of(mark):
        with suppress(OSError):
            names.append(Path(f"/proc/{process}/cmdline").read_text().replace("\0", " "))
    return names
