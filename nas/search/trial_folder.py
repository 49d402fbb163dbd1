"""What a run keeps of a trial: the state it trains on from, then its network."""

import shutil
from pathlib import Path

from nas.errors import UserError
from nas.quantize.stored import GRAPH, WEIGHTS, load_stored, write_whole
from nas.search.crops import details_file
from nas.search.tasks import Reached

__all__ = [
    "TRIALS",
    "drop_states",
    "forget",
    "is_kept",
    "keep_network",
    "keep_state",
    "left_over_states",
    "state_of",
    "trial_folder",
    "trials_with_states",
]

TRIALS = "trials"


def trial_folder(run: Path, number: int) -> Path:
    """Of a trial; it may not be there."""
    return run / TRIALS / str(number)


def keep_state(run: Path, number: int, reached: Reached) -> None:
    """Keeps the state at a rung. That of the rung before stays: the study may still name it."""
    folder = trial_folder(run, number)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(_state_file(folder, reached.reading[0]), reached.state)


def state_of(run: Path, number: int, steps: int) -> bytes | None:
    """The state that a trial was left in after `steps`; None where it is not there."""
    file = _state_file(trial_folder(run, number), steps)
    return file.read_bytes() if file.is_file() else None


def keep_network(run: Path, number: int, network: str, reached: Reached) -> None:
    """Keeps the measured network and its crops."""
    folder = trial_folder(run, number)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / GRAPH, (network.replace("; ", "\n") + "\n").encode())
    write_whole(folder / WEIGHTS, reached.weights)
    write_whole(details_file(run, number), reached.details_png)


def is_kept(run: Path, number: int, digest: str) -> bool:
    """Whether `keep_network` was here for the network of a trial."""
    try:
        kept = load_stored(trial_folder(run, number)).graph.digest
    except (OSError, UserError):
        return False
    return kept == digest and details_file(run, number).is_file()


def drop_states(run: Path, number: int) -> None:
    """Removes the states of a trial, once the study has its end."""
    for file in trial_folder(run, number).glob("state-*"):
        file.unlink()


def trials_with_states(run: Path) -> set[int]:
    """Numbers of the trials of which states are there."""
    return {int(file.parent.name) for file in (run / TRIALS).glob("[0-9]*/state-*")}


def left_over_states(run: Path, number: int) -> list[str]:
    """Names of the states of a trial that are still there."""
    return sorted(file.name for file in trial_folder(run, number).glob("state-*"))


def forget(run: Path, number: int) -> None:
    """Removes what is kept of a trial."""
    shutil.rmtree(trial_folder(run, number), ignore_errors=True)
    details_file(run, number).unlink(missing_ok=True)


def _state_file(folder: Path, steps: int) -> Path:
    return folder / f"state-{steps}.safetensors"
