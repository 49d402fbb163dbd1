"""What a search costs beside its trainings: milliseconds a trial and memory, as the study grows.

    python benchmarks/overhead.py [--trials 10000] [--sampler random] [--storage URL] [--json]

Runs a whole search in this process whose networks are trained and measured by nobody: their PSNR is
made of their MACs. So all time is that of the driver: proposing, judging, the study, the files.
Then the table, the front and the report of the run are made. The run is in a temporary folder.
"""

import argparse
import json
import platform
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from nas.graph import Graph
from nas.readers.cost import count_macs
from nas.report.page import write_report
from nas.search.config import SearchConfig
from nas.search.crops import strip_png
from nas.search.events import Progress, Silent
from nas.search.front import front, trials_table
from nas.search.run import start
from nas.search.storage import opened_storage, storage_url
from nas.search.study import existing_study
from nas.search.tasks import Reached

WINDOWS = 10  # of trials, that figures are given for
_WEIGHTS = save({"none": np.zeros(1, np.float32)})
_DETAILS = strip_png(np.zeros((3, 8, 8, 3), np.uint8))


class Nothing:
    """A bench of one rung that trains nothing."""

    identity = ""

    def __init__(self, dataset: object, *, scale: int, seed: int) -> None: ...

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        """PSNR grows with MACs."""
        psnr_db = 26 + count_macs(graph, 36, 64) ** 0.5 / 2e4
        return Reached((1000, psnr_db, psnr_db), True, b"", _WEIGHTS, _DETAILS, 0.0, 0.0, 0.0)

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        """As if it were converted."""
        (folder / "model.tflite").write_bytes(b"")
        psnr_db = 26 + count_macs(graph, 36, 64) ** 0.5 / 2e4
        names = ("torch_float", "keras_float", "int8_simulation", "litert_int8")
        return {**{f"psnr_{name}_db": psnr_db for name in names}, "steps": 3000}


class Clock(Silent):
    """Notes when each trial was finished, and the memory then."""

    def __init__(self) -> None:
        self.finished_s: list[float] = []
        self.memory_mb: list[float] = []

    def progress(self, progress: Progress) -> None:
        self.finished_s.append(time.perf_counter())
        self.memory_mb.append(_memory_mb())


def measure(trials: int, sampler: str, storage: str | None) -> dict[str, Any]:
    """One search, and what is made of it."""
    config = SearchConfig(budget=trials, sampler=sampler, storage=storage, cluster="inline")
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / f"overhead-{time.time_ns()}"
        start(config, name=str(run), watch=clock, bench=f"{__name__}:{Nothing.__name__}")
        began_s = time.perf_counter()
        with opened_storage(storage_url(storage, run)) as opened:
            found = front(trials_table(existing_study(opened, run.name)))
        front_s = time.perf_counter() - began_s
        began_s = time.perf_counter()
        page = write_report(run)
        report_s = time.perf_counter() - began_s
        size_mb = page.stat().st_size / 1e6
    spent_ms = 1e3 * np.diff(clock.finished_s)
    windows = [float(part.mean()) for part in np.array_split(spent_ms, WINDOWS)]
    memory = [float(part[-1]) for part in np.array_split(clock.memory_mb, WINDOWS)]
    return {
        "trials": len(clock.finished_s),
        "sampler": sampler,
        "storage": (storage or "sqlite").partition(":")[0],
        "ms_per_trial": windows,
        "memory_mb": memory,
        "front": len(found),
        "front_s": front_s,
        "report_s": report_s,
        "report_mb": size_mb,
        "python": platform.python_version(),
    }


def _memory_mb() -> float:
    """Resident now; the most so far where the system does not say."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Prints a line per tenth of the trials."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--storage", help="URL; default: SQLite in the run folder")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.trials, given.sampler, given.storage)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['trials']} trials, {found['sampler']}, {found['storage']}")
    rows = zip(found["ms_per_trial"], found["memory_mb"], strict=True)
    for tenth, (ms, mb) in enumerate(rows, 1):
        print(f"{tenth}/{WINDOWS}: {ms:6.1f} ms a trial, {mb:5.0f} MB")
    print(f"table and front {found['front_s']:.1f} s ({found['front']} networks), "
          f"report {found['report_s']:.1f} s, {found['report_mb']:.1f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
