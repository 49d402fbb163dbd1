"""Vela really run on a tiny network, and its table read."""

import csv
import sys
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.graph import Conv2d, Graph, Input
from nas.latency.backends import vela
from nas.latency.backends.vela import ACCELERATORS, Vela, read_layers

# Recorded: Vela 5.2.0 on the tiny network of conftest.py at 24x32, for ethos-u65.
TABLE = Path(__file__).parent / "recorded" / "ethos-u65_per-layer.csv"
TARGETS = [  # accelerator, core_clock of its system in Arm's vela.ini
    ("ethos-u55", 500e6),
    ("ethos-u65", 1e9),
    ("ethos-u85", 1e9),
]


@pytest.mark.parametrize(("accelerator", "hertz"), TARGETS)
def test_an_estimate_is_the_same_each_time(
    accelerator: str, hertz: float, graph: Graph, file: Path, tmp_path: Path
) -> None:
    backend = Vela(accelerator)
    backend.check()
    found = backend.measure(graph, file)
    assert backend.measure(graph, file) == found
    layers, summary = backend._compile(file, tmp_path)
    cycles = sum(layer.cycles for layer in layers if layer.target == "NPU")
    assert found.latency_ms == pytest.approx(cycles / hertz * 1000)
    assert found.latency_ms == pytest.approx(float(summary["inference_time"]) * 1000)
    assert found.noise == 0
    assert len(found.node_ms) == len(graph.nodes)
    assert sum(found.node_ms) == pytest.approx(found.latency_ms)
    for node, node_ms in zip(graph.nodes, found.node_ms, strict=True):
        assert (node_ms > 0) == isinstance(node.op, Input | Conv2d)  # a CPU moves the pixels


@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_conditions_and_notes(accelerator: str, graph: Graph, file: Path) -> None:
    found = Vela(accelerator).measure(graph, file)
    conditions = found.conditions
    assert conditions.runtime.startswith(f"Vela {vela.version('ethos-u-vela')}, {accelerator}-256,")
    assert (conditions.height, conditions.width) == (24, 32)
    assert (conditions.precision, conditions.layout, conditions.threads) == ("INT8", "NHWC", 0)
    assert conditions.statistic == "compiler's estimate"
    megabytes = 72 * 96 * 3 / 1e6  # of the upscaled image
    left_out = f"not counted, left to the CPU: DepthToSpace of {megabytes:.3g} MB"
    assert found.note.startswith(left_out)
    assert ("MB of SRAM" in found.note) == (accelerator == "ethos-u55")


def test_the_accelerators_are_those_of_the_table() -> None:
    assert tuple(accelerator for accelerator, _ in TARGETS) == ACCELERATORS


def test_a_table_is_read() -> None:
    layers = read_layers(TABLE)
    with TABLE.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [layer.name for layer in layers] == [row[-1] for row in rows]
    assert {layer.op for layer in layers if layer.target == "CPU"} == {"DepthToSpace"}
    assert {layer.op for layer in layers} >= {"Conv2D", "Quantize"}
    for layer, row in zip(layers, rows, strict=True):
        parts = (layer.npu_cycles, layer.sram_cycles, layer.dram_cycles)
        assert (layer.cycles, *parts) == tuple(int(float(row[i])) for i in (5, 7, 8, 9))
        assert layer.cycles == max(*parts, layer.flash_cycles)


def test_a_table_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("TFLite_operator,NNG Operator,SRAM Usage,Op Cycles,Name\nCONV_2D,Conv2D,1,2,a\n")
    with pytest.raises(DeviceError) as caught:
        read_layers(old)
    assert str(caught.value) == "old.csv has no column 'Original Operator' (use Vela 5)"


LEFT = [  # ops of one file on the CPU, and what is noted
    ([], ""),
    ([("a", "NPU")], ""),
    ([("a", "CPU")], "not counted, left to the CPU: Op of 2 MB"),
    ([("a", "CPU"), ("b", "CPU"), ("c", "NPU")], "not counted, left to the CPU: 2 Op of 5 MB"),
    ([("a", "CPU"), ("?", "CPU")], "not counted, left to the CPU: 2 Op"),
]


@pytest.mark.parametrize(("ops", "note"), LEFT)
def test_what_the_cpu_would_run_is_noted(ops: list[tuple[str, str]], note: str) -> None:
    layers = [vela.Layer(name, "Op", target, 0, 0, 0, 0, 0) for name, target in ops]
    assert vela._left_out(layers, {"a": 2_000_000, "b": 3_000_000, "c": 1}) == note


def test_a_network_that_is_all_left_to_the_cpu_has_no_time(
    graph: Graph, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vela, "_compile", lambda *_: ((), {}))
    with pytest.raises(DeviceError) as caught:
        Vela("ethos-u55").measure(graph, file)
    expected = f"Vela leaves all of {file} to the CPU, of which it knows no time"
    assert str(caught.value) == expected


def test_a_failure_is_one_line_and_leaves_nothing(
    graph: Graph, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vela.tempfile, "tempdir", str(tmp_path))
    Vela("ethos-u65").measure(graph, file)
    monkeypatch.setitem(vela._SYSTEMS, "ethos-u65", ("ethos-u65-256", "Toaster", "Sram_Only"))
    with pytest.raises(DeviceError) as caught:
        Vela("ethos-u65").measure(graph, file)
    assert str(caught.value).startswith(f"Vela failed on {file}: ")
    assert "Toaster" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_accelerator_lists_the_known() -> None:
    with pytest.raises(DeviceError) as caught:
        Vela("toaster")
    assert str(caught.value) == (
        "Vela knows no accelerator 'toaster' (known: ethos-u55, ethos-u65, ethos-u85)"
    )


def test_a_missing_vela_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ethosu", None)
    monkeypatch.delitem(sys.modules, "ethosu.vela", raising=False)
    with pytest.raises(DeviceError) as caught:
        Vela("ethos-u65").check()
    assert str(caught.value) == (
        'Vela, Arm\'s compiler, is not installed (run `pip install "nas[ethos]"`)'
    )


def test_the_system_is_described() -> None:
    assert Vela("ethos-u65").describe() == (
        "Arm ethos-u65-256, Ethos_U65_High_End, Dedicated_Sram_512KB, as estimated by Vela"
    )
