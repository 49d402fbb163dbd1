"""Which files a package holds."""

from nas.export.check_set import CHECK, check_files
from nas.quantize.stored import GRAPH, GRID, WEIGHTS

__all__ = [
    "ATTRIBUTION",
    "CARD",
    "DEPLOYED",
    "DRAWING",
    "FLOAT_TFLITE",
    "GRAPH",
    "INT8_TFLITE",
    "KERAS",
    "ONNX",
    "PARITY",
    "REQUIRED",
    "RESULT",
    "SAVED_MODEL",
    "SCRIPT",
    "SYNAP",
    "VELA",
    "WEIGHTS",
]

KERAS = "model.keras"
SAVED_MODEL = "saved_model"
FLOAT_TFLITE = "model_float.tflite"
INT8_TFLITE = "model.tflite"
ONNX = "model.onnx"
DEPLOYED = "deployed"  # folder: graph, weights and grids that are in the INT8 file
RESULT = "result.json"
CARD = "card.md"
DRAWING = "graph.svg"
ATTRIBUTION = "ATTRIBUTION.md"
SYNAP = "synap.yaml"
SCRIPT = "run.py"
VELA = "vela"  # folder
PARITY = "parity.json"

REQUIRED = frozenset(
    {
        *(KERAS, FLOAT_TFLITE, INT8_TFLITE, GRAPH, WEIGHTS, RESULT, CARD, DRAWING, ATTRIBUTION),
        *(SYNAP, SCRIPT, f"{SAVED_MODEL}/saved_model.pb"),
        *(f"{DEPLOYED}/{name}" for name in (GRAPH, WEIGHTS, GRID)),
        *(f"{CHECK}/{name}" for name in check_files()),
    }
)
"""Files of every package but `parity.json`."""
