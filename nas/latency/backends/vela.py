"""Arm's Vela compiler: what it expects of an Ethos-U, which is no measurement."""

import csv
import importlib.util
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.backends.attribution import spread_over_nodes
from nas.latency.backends.base import Conditions, Measurement
from nas.latency.backends.files import input_size, tensor_bytes
from nas.latency.backends.process import last_words, run_program

__all__ = ["ACCELERATORS", "Layer", "Vela", "read_layers"]

_SYSTEMS = {  # what     MACs of the core, clock and bandwidths, memories; of Arm's own vela.ini
    "ethos-u55": ("ethos-u55-256", "Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "ethos-u65": ("ethos-u65-256", "Ethos_U65_High_End", "Dedicated_Sram_512KB"),
    "ethos-u85": ("ethos-u85-256", "Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_512KB"),
}
ACCELERATORS = tuple(_SYSTEMS)
_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Layer:
    """One op of a compiled network, in cycles of the core.

    Args:
        name: Of the tensor it writes, as in the file.
        op: Kind of the op in the file that it comes from.
        target: Where it runs: NPU or CPU.
        cycles: That it takes, which are those of its slowest part; 0 on a CPU.
        npu_cycles: Of its arithmetic.
        sram_cycles: Of its accesses to SRAM.
        dram_cycles: Of its accesses to DRAM.
        flash_cycles: Of its accesses to flash memory.
        macs: Multiply-adds that it counts for itself, of a convolution.
    """

    name: str
    op: str
    target: str
    cycles: int
    npu_cycles: int
    sram_cycles: int
    dram_cycles: int
    flash_cycles: int
    macs: int = 0


def read_layers(path: Path) -> tuple[Layer, ...]:
    """The rows of a `*_per-layer.csv` that Vela 5 writes with `--verbose-performance`.

    Raises:
        DeviceError: It lacks a column, as the files of earlier versions do.
    """
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return tuple(_layer(row) for row in csv.DictReader(file))
        except KeyError as column:
            raise DeviceError(f"{path.name} has no column {column}", "use Vela 5") from None


@dataclass(frozen=True, slots=True)
class Vela:
    """An Ethos-U with 256 multipliers, as Vela expects it to be.

    Args:
        accelerator: One of `ACCELERATORS`.
    """

    accelerator: str

    def __post_init__(self) -> None:
        if self.accelerator not in _SYSTEMS:
            raise DeviceError(
                f"Vela knows no accelerator {self.accelerator!r}",
                f"known: {', '.join(ACCELERATORS)}",
            )

    @property
    def name(self) -> str:
        """As typed after `--backend`."""
        return "vela"

    def describe(self) -> str:
        """Which core, in which system."""
        core, system, memory = _SYSTEMS[self.accelerator]
        return f"Arm {core}, {system}, {memory}, as estimated by Vela"

    def check(self) -> None:
        """Raises `DeviceError` where Vela is not installed."""
        try:
            found = importlib.util.find_spec("ethosu.vela")
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise DeviceError(
                "Vela, Arm's compiler, is not installed", 'run `pip install "nas[ethos]"`'
            )

    def measure(self, graph: Graph, file: Path) -> Measurement:
        """Compiles `file` and adds up the cycles of what runs on the NPU.

        Raises:
            DeviceError: Vela is not there, failed, or leaves the whole network to the CPU.
        """
        with tempfile.TemporaryDirectory(prefix="nas-vela-") as folder:
            return self.compile(graph, file, Path(folder))

    def compile(self, graph: Graph, file: Path, folder: Path) -> Measurement:
        """Like `measure`; what Vela writes, the compiled file among it, stays in `folder`.

        Raises:
            DeviceError: As `measure`.
        """
        self.check()
        height, width = input_size(file)
        layers, summary = self._compile(file, folder)
        counted = [layer for layer in layers if layer.target == "NPU"]
        cycles = sum(layer.cycles for layer in counted)
        if not cycles:
            raise DeviceError(f"Vela leaves all of {file} to the CPU, of which it knows no time")
        ms_per_cycle = 1000 / float(summary["core_clock"])
        works = [(each.op, each.name, each.macs, each.cycles * ms_per_cycle) for each in counted]
        notes = [_left_out(layers, tensor_bytes(file)), _assumed_sram(summary)]
        return Measurement(
            latency_ms=cycles * ms_per_cycle,
            noise=0.0,
            conditions=Conditions(
                runtime=", ".join((f"Vela {version('ethos-u-vela')}", *_SYSTEMS[self.accelerator])),
                precision="INT8",
                height=height,
                width=width,
                layout="NHWC",
                threads=0,
                statistic="compiler's estimate",
            ),
            note="; ".join(filter(None, notes)),
            node_ms=spread_over_nodes(graph.deployed, works, height=height, width=width),
        )

    def _compile(self, file: Path, folder: Path) -> tuple[tuple[Layer, ...], dict[str, str]]:
        """The layers, and the row of the summary."""
        core, system, memory = _SYSTEMS[self.accelerator]
        command = [sys.executable, "-P", "-m", "ethosu.vela", str(file)]
        command += ["--accelerator-config", core, "--system-config", system]
        command += ["--memory-mode", memory, "--config", "Arm/vela.ini"]
        command += ["--verbose-performance", "--output-dir", str(folder)]
        done = run_program(command, timeout_s=_TIMEOUT_S)
        tables, summaries = (list(folder.glob(p)) for p in ("*_per-layer.csv", "*_summary_*.csv"))
        if done.returncode or not tables or not summaries:
            raise DeviceError(f"Vela failed on {file}: {last_words(done)}")
        with summaries[0].open(encoding="utf-8", newline="") as rows:
            summary = next(csv.DictReader(rows))
        return read_layers(tables[0]), summary


def _layer(row: dict[str, str]) -> Layer:
    def cycles(*columns: str) -> int:
        return round(sum(float(row[column]) for column in columns))

    return Layer(
        name=row["Name"],
        op=row["Original Operator"],
        target=row["Target"],
        cycles=cycles("Op Cycles"),
        npu_cycles=cycles("NPU"),
        sram_cycles=cycles("SRAM AC"),
        dram_cycles=cycles("DRAM AC"),
        flash_cycles=cycles("OnFlash AC", "OffFlash AC"),
        macs=cycles("MAC Count") if "Conv" in row["Original Operator"] else 0,
    )


def _left_out(layers: Iterable[Layer], sizes: dict[str, int]) -> str:
    """The ops that a CPU would run, by kind, with the bytes that they write."""
    written = defaultdict(list)
    for layer in layers:
        if layer.target != "NPU":
            written[layer.op].append(sizes.get(layer.name, 0))

    def kinds() -> Iterator[str]:
        for op, sizes_bytes in written.items():
            count = f"{len(sizes_bytes)} " if len(sizes_bytes) > 1 else ""
            size = f" of {sum(sizes_bytes) / 1e6:.3g} MB" if all(sizes_bytes) else ""
            yield f"{count}{op}{size}"

    return f"not counted, left to the CPU: {', '.join(kinds())}" if written else ""


def _assumed_sram(summary: dict[str, str]) -> str:
    """The SRAM of a system that keeps its images there, because Vela grants any size."""
    if summary["feature_map_storage_area"] != "SRAM":
        return ""
    size_bytes = float(summary["sram_memory_used"]) * 1024
    return f"assumes {size_bytes / 1e6:.3g} MB of SRAM"
