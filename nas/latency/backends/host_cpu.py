"""LiteRT on this machine's CPU, in a process that is pinned to its cores."""

import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

from nas.errors import DeviceError
from nas.graph import Graph, parse_text
from nas.latency.backends.base import Conditions, Measurement
from nas.latency.backends.files import input_size, measurable_file
from nas.latency.backends.process import last_words, run_program

__all__ = ["HostCpu", "busy_share", "pick_cores"]

_BUSY_LIMIT = 0.1  # share of the machine's CPU that may be in use
_NOISE_LIMIT = 0.05  # above it a measurement is repeated
_ATTEMPTS = 3
_TIMEOUT_S = 900
_REFERENCE = (
    "0 input(3); 1 conv(28, activation=relu); 2 conv(28, activation=relu); 3 conv(27); 4 clip();"
    " 5 depth_to_space(3)"
)
_REFERENCE_SIZE = (120, 160)  # pixels; some milliseconds on a desktop
_LOOK_S = 8.0  # that the reference is watched for before the first measurement
_CHILD = Path(__file__).with_name("host_cpu_child.py")
_CPUS = Path("/sys/devices/system/cpu")
_STAT = Path("/proc/stat")


def busy_share(seconds: float = 0.5) -> float:
    """Share of this machine's CPU that is in use, all cores together.

    Sampled over `seconds` where there is a `/proc/stat`; elsewhere the load of the last minute, or
    0 where that is unknown too.
    """
    if not _STAT.is_file():
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        return min(1.0, load / (os.cpu_count() or 1))
    before = _ticks()
    time.sleep(seconds)
    idle, total = (after - b for after, b in zip(_ticks(), before, strict=True))
    return 1 - idle / total if total > 0 else 0.0


def pick_cores(
    threads: int, allowed: Collection[int] | None = None, cpus: Path = _CPUS
) -> tuple[int, ...]:
    """The cores to measure on; empty where the system pins no process.

    The fastest come first, the second thread of a core comes after all first ones, and core 0,
    which serves interrupts, after its equals.

    Raises:
        DeviceError: `threads` are more than the process may use.
    """
    if allowed is None:
        if not hasattr(os, "sched_setaffinity"):
            return ()
        allowed = os.sched_getaffinity(0)
    if threads > len(allowed):
        raise DeviceError(
            f"{threads} threads do not fit on {len(allowed)} cores", "ask for fewer --threads"
        )

    def rank(core: int) -> tuple[bool, int, bool, int]:
        folder = cpus / f"cpu{core}"
        speed = max(_number(folder / n) for n in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"))
        first = _number(folder / "topology" / "thread_siblings_list", default=core)
        return first != core, -speed, core == 0, core

    return tuple(sorted(sorted(allowed, key=rank)[:threads]))


@dataclass(slots=True)
class HostCpu:
    """The CPU of this machine.

    Clocks change and virtual machines have neighbours, so the same file may take a quarter longer a
    minute later. A small reference network is therefore timed before and after each run; a time is
    the median of the runs in units of the reference around them, times the fastest run of the
    reference so far: what the network takes while nothing slows the machine.

    Args:
        threads: As many cores serve, where the system lets a process be pinned.
        force: Measures on a busy machine too.
        min_runs: At least so many are timed, after a warm-up,
        min_seconds: and for at least so long.
        busy: Tells which share of the CPU is in use.
    """

    threads: int = 1
    force: bool = False
    min_runs: int = 9
    min_seconds: float = 1.0
    busy: Callable[[], float] = field(default=busy_share, repr=False)
    _reference_ns: float = field(default=math.inf, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise DeviceError(f"threads must be at least 1, got {self.threads}")

    @property
    def name(self) -> str:
        """As typed after `--backend`."""
        return "host-cpu"

    def describe(self) -> str:
        """The name of the CPU, as its maker writes it."""
        if Path("/proc/cpuinfo").is_file():
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            said = {key.strip(): text.strip() for key, _, text in (x.partition(":") for x in lines)}
            for key in ("model name", "Model", "Hardware"):  # PC, Raspberry Pi, older Arm
                if said.get(key):
                    return said[key]
        if sys.platform == "darwin":
            brand = run_program(["sysctl", "-n", "machdep.cpu.brand_string"], timeout_s=10).stdout
            return brand.strip() or platform.machine()
        return platform.processor() or platform.machine()

    def check(self) -> None:
        """Raises `DeviceError` on a busy machine, unless forced, or one with too few cores."""
        pick_cores(self.threads)
        if self.force:
            return
        share = self.busy()
        if share > _BUSY_LIMIT:
            raise DeviceError(
                f"this machine is busy: {share:.0%} of its CPU is in use, "
                f"and a measurement allows {_BUSY_LIMIT:.0%}",
                "stop what runs, or add --force",
            )

    def measure(self, graph: Graph, file: Path) -> Measurement:
        """Times `file`; repeats a noisy measurement and keeps the quietest.

        Raises:
            DeviceError: LiteRT failed.
        """
        height, width = input_size(file)
        cores = pick_cores(self.threads)
        with tempfile.TemporaryDirectory(prefix="nas-reference-") as folder:
            reference = Path(folder) / "reference.tflite"
            reference.write_bytes(_reference_file())
            if math.isinf(self._reference_ns):
                self._time(reference, reference, cores, min_seconds=_LOOK_S)
            units, noise, delegated = self._time(file, reference, cores)
            for _ in range(_ATTEMPTS - 1):
                if noise <= _NOISE_LIMIT:
                    break
                again = self._time(file, reference, cores)
                if again[1] < noise:
                    units, noise, delegated = again
        runtime = f"LiteRT {version('ai-edge-litert')}, {'XNNPACK' if delegated else 'no delegate'}"
        return Measurement(
            latency_ms=units * self._reference_ns / 1e6,
            noise=noise,
            conditions=Conditions(
                runtime=runtime if cores else f"{runtime}, unpinned",
                precision="INT8",
                height=height,
                width=width,
                layout="NHWC",
                threads=self.threads,
                statistic=f"median of at least {self.min_runs} runs, at idle speed",
            ),
            note="" if noise <= _NOISE_LIMIT else f"noisy, the best of {_ATTEMPTS} attempts",
        )

    def _time(
        self, file: Path, reference: Path, cores: Sequence[int], min_seconds: float = 0.0
    ) -> tuple[float, float, bool]:
        """Median in runs of the reference, noise, and whether XNNPACK ran it."""
        seconds = max(min_seconds, self.min_seconds)
        arguments = (file, reference, self.threads, self.min_runs, seconds)
        command = [sys.executable, "-P", str(_CHILD), *map(str, arguments)]
        done = run_program([*command, ",".join(map(str, cores))], timeout_s=_TIMEOUT_S)
        if done.returncode:
            raise DeviceError(f"LiteRT failed on {file}: {last_words(done)}")
        found = json.loads(done.stdout.splitlines()[-1])
        around = found["reference_ns"]
        self._reference_ns = min(self._reference_ns, *around)
        units = [
            2 * time_ns / (before + after)
            for time_ns, before, after in zip(found["times_ns"], around, around[1:], strict=False)
        ]
        low, median, high = statistics.quantiles(units, n=4, method="inclusive")
        return median, (high - low) / 2 / median, found["delegated"]


@cache
def _reference_file() -> bytes:
    """The reference network, which a process converts once."""
    height, width = _REFERENCE_SIZE
    with tempfile.TemporaryDirectory(prefix="nas-reference-") as folder:
        graph = parse_text(_REFERENCE)
        return measurable_file(graph, height=height, width=width, folder=Path(folder)).read_bytes()


def _ticks() -> tuple[int, int]:
    """Idle and all ticks since the machine started."""
    fields = _STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
    # user nice system idle iowait irq softirq steal; a guest's are in user already
    ticks = [int(tick) for tick in fields[1:9]]
    return sum(ticks[3:5]), sum(ticks)


def _number(file: Path, *, default: int = 0) -> int:
    """The first number in a file of the system; `default` where there is none."""
    try:
        text = file.read_text(encoding="ascii")
    except OSError:
        return default
    digits = text.replace("-", ",").split(",")[0].strip()
    return int(digits) if digits.isdigit() else default
