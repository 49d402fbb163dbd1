"""What TensorFlow Lite's `benchmark_model` is told, and what it says."""

import re
from dataclasses import dataclass

from nas.errors import DeviceError

__all__ = ["DELEGATES", "PRINTED", "Timing", "flags", "read_benchmark"]

_FLAGS = {"cpu": "--use_xnnpack=true", "gpu": "--use_gpu=true", "nnapi": "--use_nnapi=true"}
DELEGATES = tuple(_FLAGS)
PRINTED = {"cpu": "XNNPACK", "gpu": "GPU", "nnapi": "NNAPI"}  # the delegates in its words
_RUNS = 30
_LONGEST = 200  # characters of a quoted line


@dataclass(frozen=True, slots=True)
class Timing:
    """What it says of the timed runs.

    Args:
        latency_ms: Median of the runs; their mean where an older version prints no median.
        noise: Half the range between the quartiles over `latency_ms`, reckoned for normally
            distributed times from the 5th and 95th percentile or the deviation that it prints.
        statistic: What `latency_ms` is of the runs.
        note: Which part the delegate ran; empty if it ran all.
    """

    latency_ms: float
    noise: float
    statistic: str
    note: str = ""


def flags(delegate: str, *, threads: int, max_seconds: float) -> tuple[str, ...]:
    """Its arguments but for the file; `max_seconds` bound the warm-up, and again the runs."""
    return (
        f"--num_threads={threads}",
        f"--num_runs={_RUNS}",
        "--min_secs=1",
        "--warmup_runs=3",
        "--warmup_min_secs=0.5",
        f"--max_secs={max_seconds:g}",
        _FLAGS[delegate],
    )


def read_benchmark(said: str, delegate: str) -> Timing:
    """The times in what it wrote.

    Raises:
        DeviceError: It did not come to its end, timed a single run, or timed the CPU because
            `delegate` ran nothing.
    """
    printed = PRINTED[delegate]
    if f"Failed to apply {printed} delegate" in said:
        raise _refused(said, delegate)
    if "Inference timings in us:" not in said:
        raise DeviceError(f"benchmark_model did not finish: {_reason(said)}")
    if f"Explicitly applied {printed} delegate" not in said:
        raise _refused(said, delegate)
    note = "" if delegate == "cpu" else _share(said, printed)
    return _timing(said, note)


def _timing(said: str, note: str) -> Timing:
    """Of the last line with a count; the one before is the warm-up's."""
    count, numbers = re.findall(r"\bcount=(\d+) (.*)", said)[-1]
    runs = int(count)
    if runs < 2:
        raise DeviceError("benchmark_model timed a single run", "the network is too slow for it")
    us = {key: float(number) for key, number in re.findall(r"(\w+)=([\d.e+]+)", numbers)}
    some = f"at least {_RUNS}" if runs >= _RUNS else str(runs)
    if "median" in us:
        median = us["median"]
        spread = (us["p95"] - us["p5"]) * 0.6745 / (2 * 1.6449)  # quantiles of the normal
        return Timing(median / 1000, spread / median, f"median of {some} runs", note)
    mean = us.get("avg", us["curr"])  # "curr" alone is printed where all runs took the same
    spread = us.get("std", 0.0) * 0.6745
    return Timing(mean / 1000, spread / mean, f"mean of {some} runs", note)


def _share(said: str, printed: str) -> str:
    if f"Explicitly applied {printed} delegate, and the model graph will be completely" in said:
        return ""
    replaced = rf"Replacing (\d+) out of (\d+) node\(s\) with delegate \(TfLite{printed}"
    share = re.search(replaced, said, re.IGNORECASE)
    part = f"{share[1]} of {share[2]} ops" if share else "a part"
    return f"{printed} ran {part} of the network, the CPU the rest"


def _refused(said: str, delegate: str) -> DeviceError:
    others = " or ".join(name for name in DELEGATES if name != delegate)
    return DeviceError(
        f"{PRINTED[delegate]} does not run this network on the phone: {_reason(said)}",
        f"a time would be the CPU's; ask for the delegate {others}",
    )


def _reason(said: str) -> str:
    """The first line that tells of an error; else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("ERROR", "Though", "INFO: Though"))]
    return [*telling, *reversed(lines), "it said nothing"][0][:_LONGEST]
