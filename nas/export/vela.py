"""`model.tflite` compiled for an Arm Ethos-U, with what the compiler expects of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.export.layout import INT8_TFLITE
from nas.graph import Graph
from nas.latency.backends.vela import Vela

__all__ = ["compile_for_ethos"]


def compile_for_ethos(
    graph: Graph, accelerator: str, package: Path, folder: Path
) -> dict[str, Any]:
    """Runs Arm's compiler and leaves all that it writes in `folder`, with `estimate.json`.

    Args:
        graph: Of the file.
        accelerator: One of `nas.latency.backends.vela.ACCELERATORS`.
        package: Holds the INT8 file.
        folder: Is made.

    Returns:
        What `estimate.json` holds.

    Raises:
        DeviceError: Vela is not installed, failed, or leaves all to the CPU.
    """
    vela = Vela(accelerator)
    folder.mkdir()
    found = vela.compile(graph, package / INT8_TFLITE, folder)
    estimate = {
        "accelerator": accelerator,
        "system": vela.describe(),
        "latency_ms": found.latency_ms,
        "note": found.note,
        "conditions": asdict(found.conditions),
        "node_ms": found.node_ms,
    }
    (folder / "estimate.json").write_text(json.dumps(estimate, indent=2) + "\n", encoding="utf-8")
    return estimate
