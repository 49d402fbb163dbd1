"""What `benchmark_model` says, read.

No phone was attached when this was written: the texts in `benchmark_model/` are not recorded but
written by hand, after the tool's source (tensorflow/lite/tools/benchmark) and logs that its users
published.
"""

from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.latency.backends.benchmark_model import DELEGATES, Timing, flags, read_benchmark

TEXTS = Path(__file__).parent / "benchmark_model"
MEDIAN = (20.4, 0.205 * (21.0 - 20.0) / 20.4, "median of at least 30 runs")
MEAN = (20.4126, 0.6745 * 0.401 / 20.4126, "mean of at least 30 runs")
READ = [  # text, delegate, latency_ms, noise and statistic, note
    ("cpu", "cpu", MEDIAN, ""),
    ("cpu_old", "cpu", MEAN, ""),
    ("gpu", "gpu", MEDIAN, ""),
    ("gpu_partly", "gpu", MEDIAN, "GPU ran 22 of 24 ops of the network, the CPU the rest"),
]
INSTEAD = "a time would be the CPU's; ask for the delegate"
REFUSED = [  # text, delegate, error
    (
        "gpu_failed",
        "gpu",
        "GPU does not run this network on the phone: ERROR: TfLiteGpuDelegate Init: Unrecognized "
        f"Write selector ({INSTEAD} cpu or nnapi)",
    ),
    (
        "nnapi_refused",
        "nnapi",
        "NNAPI does not run this network on the phone: INFO: Though NNAPI delegate is explicitly "
        "applied, the model graph will not be executed by the delegate. "
        f"({INSTEAD} cpu or gpu)",
    ),
    (  # a build that knows no NNAPI ignores the flag and times the CPU
        "cpu",
        "nnapi",
        "NNAPI does not run this network on the phone: INFO: Memory footprint delta from the start "
        f"of the tool (MB): init=9.1 overall=48.5 ({INSTEAD} cpu or gpu)",
    ),
    (
        "no_file",
        "cpu",
        "benchmark_model did not finish: ERROR: Could not open '/data/local/tmp/nas-1.tflite'.",
    ),
]


def text_of(name: str) -> str:
    return (TEXTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "delegate", "expected", "note"), READ)
def test_times_are_read(
    name: str, delegate: str, expected: tuple[float, float, str], note: str
) -> None:
    found = read_benchmark(text_of(name), delegate)
    assert (found.statistic, found.note) == (expected[2], note)
    assert (found.latency_ms, found.noise) == pytest.approx(expected[:2], rel=1e-3)


@pytest.mark.parametrize(("name", "delegate", "message"), REFUSED)
def test_what_is_no_time_of_the_delegate_is_refused(name: str, delegate: str, message: str) -> None:
    with pytest.raises(DeviceError) as caught:
        read_benchmark(text_of(name), delegate)
    assert str(caught.value) == message


def with_runs(line: str) -> str:
    """The text of a CPU's times with other timed runs."""
    return text_of("cpu").replace(
        "count=49 first=20333 curr=20251 min=19980 max=22013 avg=20412.6 std=401 "
        "p5=20000 median=20400 p95=21000",
        line,
    )


def test_the_share_of_another_delegate_is_not_taken() -> None:
    gpu, xnnpack = (f"Replacing {ops} node(s)" for ops in ("22 out of 24", "2 out of 3"))
    said = text_of("gpu_partly")
    assert gpu in said
    assert xnnpack in said
    note = read_benchmark(said.replace(gpu, ""), "gpu").note
    assert note == "GPU ran a part of the network, the CPU the rest"


RUNS = [  # as printed where all runs took the same, where numbers are large, where few fitted
    ("count=30 curr=500(all same)", Timing(0.5, 0.0, "mean of at least 30 runs")),
    (
        "count=30 curr=500(all same) p5=500 median=500 p95=500",
        Timing(0.5, 0.0, "median of at least 30 runs"),
    ),
    (
        "count=7 first=1 curr=1 min=1 max=1 avg=1.25e+06 std=0",
        Timing(1250.0, 0.0, "mean of 7 runs"),
    ),
]


@pytest.mark.parametrize(("line", "expected"), RUNS)
def test_other_lines_are_read(line: str, expected: Timing) -> None:
    assert read_benchmark(with_runs(line), "cpu") == expected


def test_a_single_run_is_no_measurement() -> None:
    with pytest.raises(DeviceError) as caught:
        read_benchmark(with_runs("count=1 curr=670083 p5=670083 median=670083 p95=670083"), "cpu")
    assert str(caught.value) == (
        "benchmark_model timed a single run (the network is too slow for it)"
    )


def test_silence_is_an_error() -> None:
    with pytest.raises(DeviceError) as caught:
        read_benchmark("\n", "cpu")
    assert str(caught.value) == "benchmark_model did not finish: it said nothing"


def test_each_delegate_has_its_flag() -> None:
    asked = {name: flags(name, threads=2, max_seconds=200)[-1] for name in DELEGATES}
    assert asked == {
        "cpu": "--use_xnnpack=true",
        "gpu": "--use_gpu=true",
        "nnapi": "--use_nnapi=true",
    }
    assert "--num_threads=2" in flags("cpu", threads=2, max_seconds=200)
    assert "--max_secs=200" in flags("cpu", threads=2, max_seconds=200)
