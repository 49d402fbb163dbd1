"""LiteRT on this machine; no test asserts a duration."""

import json
import os
import statistics
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.backends import host_cpu
from nas.latency.backends.host_cpu import HostCpu, busy_share, pick_cores

Times = Callable[..., None]


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    """Sets what each run of the child says: milliseconds of its runs."""

    def says(*attempts: list[int], delegated: bool = True, around: float = 1.0) -> None:
        left = iter(attempts)

        def run(command: list[str], **_: object) -> object:
            file, reference = command[3:5]
            watched = file == reference  # the look at the reference before the first measurement
            said = [1_000_000 * ms for ms in ([1, 1] if watched else next(left))]
            pace = 1.0 if watched else around
            text = {
                "times_ns": said,
                "reference_ns": [1_000_000 * pace] * (len(said) + 1),
                "delegated": delegated,
            }
            return subprocess.CompletedProcess([], 0, json.dumps(text) + "\n", "")

        monkeypatch.setattr(host_cpu, "run_program", run)

    return says


def test_a_real_run_holds_together(
    graph: Graph, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_cpu, "_LOOK_S", 0.1)
    found = HostCpu(min_runs=5, min_seconds=0.05).measure(graph, file)
    assert found.latency_ms > 0
    assert 0 <= found.noise < 10
    conditions = found.conditions
    assert conditions.runtime.startswith(f"LiteRT {version('ai-edge-litert')}, XNNPACK")
    assert conditions.runtime.endswith("unpinned") == (not hasattr(os, "sched_setaffinity"))
    assert (conditions.precision, conditions.layout, conditions.threads) == ("INT8", "NHWC", 1)
    assert (conditions.height, conditions.width) == (24, 32)
    assert conditions.statistic == "median of at least 5 runs, at idle speed"


def test_the_median_and_half_the_quartiles_distance(graph: Graph, file: Path, times: Times) -> None:
    times([96, 98, 100, 102, 500])
    found = HostCpu().measure(graph, file)
    assert found.latency_ms == statistics.median([96, 98, 100, 102, 500])
    assert found.noise == pytest.approx((102 - 98) / 2 / 100)
    assert found.note == ""


def test_a_noisy_measurement_is_repeated_until_it_is_quiet(
    graph: Graph, file: Path, times: Times
) -> None:
    times([50, 100, 150], [100, 100, 100])  # a third attempt would raise StopIteration
    found = HostCpu().measure(graph, file)
    assert (found.latency_ms, found.noise, found.note) == (100, 0, "")


def test_the_quietest_of_three_is_kept(graph: Graph, file: Path, times: Times) -> None:
    times([50, 100, 150], [150, 200, 250], [60, 120, 180])
    found = HostCpu().measure(graph, file)
    assert (found.latency_ms, found.note) == (200, "noisy, the best of 3 attempts")
    assert found.noise == pytest.approx(25 / 200)


def test_a_slow_minute_changes_nothing(graph: Graph, file: Path, times: Times) -> None:
    times([100, 100, 100])
    quiet = HostCpu().measure(graph, file)
    times([130, 130, 130], around=1.3)  # the reference takes as much longer as the network
    slow = HostCpu().measure(graph, file)
    assert slow.latency_ms == pytest.approx(quiet.latency_ms)


def test_a_run_without_xnnpack_says_so(graph: Graph, file: Path, times: Times) -> None:
    times([100, 100], delegated=False)
    runtime = HostCpu().measure(graph, file).conditions.runtime
    assert runtime.startswith(f"LiteRT {version('ai-edge-litert')}, no delegate")


def test_a_busy_machine_is_refused_unless_forced() -> None:
    HostCpu(busy=lambda: 0.1).check()
    HostCpu(busy=lambda: 0.9, force=True).check()
    with pytest.raises(DeviceError) as caught:
        HostCpu(busy=lambda: 0.47).check()
    assert str(caught.value) == (
        "this machine is busy: 47% of its CPU is in use, and a measurement allows 10% "
        "(stop what runs, or add --force)"
    )


STAT = "cpu  {user} 0 0 {idle} {iowait} 0 0 {steal} 7 0\ncpu0 1 2 3\n"


def test_use_of_the_cpu_is_read_between_two_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "stat"
    monkeypatch.setattr(host_cpu, "_STAT", stat)
    stat.write_text(STAT.format(user=1000, idle=50, iowait=50, steal=0))
    later = STAT.format(user=1000 + 20, idle=50 + 50, iowait=50 + 10, steal=20)
    monkeypatch.setattr(host_cpu.time, "sleep", lambda _: stat.write_text(later))
    assert busy_share() == pytest.approx((20 + 20) / 100)


def test_the_load_serves_where_there_is_no_proc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_cpu, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(os, "getloadavg", lambda: (2.0, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert busy_share() == 2 / 8


def test_cores_are_the_fast_ones_and_no_siblings(tmp_path: Path) -> None:
    capacities = {0: 1024, 1: 1024, 2: 1024, 3: 1024, 4: 400, 5: 400}
    siblings = {0: "0-1", 1: "0-1", 2: "2,3", 3: "2,3", 4: "4", 5: "5"}
    for core, capacity in capacities.items():
        folder = tmp_path / f"cpu{core}"
        (folder / "topology").mkdir(parents=True)
        (folder / "cpu_capacity").write_text(f"{capacity}\n")
        (folder / "topology" / "thread_siblings_list").write_text(siblings[core] + "\n")
    picked = [pick_cores(n, allowed=capacities, cpus=tmp_path) for n in range(1, 7)]
    assert picked == [(2,), (0, 2), (0, 2, 4), (0, 2, 4, 5), (0, 1, 2, 4, 5), (0, 1, 2, 3, 4, 5)]


def test_cores_are_picked_where_nothing_is_known_of_them(tmp_path: Path) -> None:
    assert pick_cores(1, allowed={0, 1}, cpus=tmp_path) == (1,)


def test_a_system_that_pins_nothing_is_named(
    graph: Graph, file: Path, times: Times, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")
    times([100, 100])
    assert HostCpu().measure(graph, file).conditions.runtime.endswith(", XNNPACK, unpinned")


def test_threads_are_counted() -> None:
    with pytest.raises(DeviceError) as caught:
        HostCpu(threads=0)
    assert str(caught.value) == "threads must be at least 1, got 0"
    with pytest.raises(DeviceError) as caught:
        pick_cores(3, allowed={0, 1})
    assert str(caught.value) == "3 threads do not fit on 2 cores (ask for fewer --threads)"


def test_a_damaged_file_is_one_line(graph: Graph, file: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"not a file")
    with pytest.raises(DeviceError) as caught:
        HostCpu()._time(damaged, damaged, ())
    assert str(caught.value).startswith(f"LiteRT failed on {damaged}: ValueError: ")
    assert "\n" not in str(caught.value)


def test_the_cpu_has_a_name() -> None:
    assert HostCpu().describe().strip()
