"""The two kinds of latency models, which answer the same questions, and how either is read.

Both have `predict`, `breakdown`, `estimate_graphs`, `to_json`, what they cover and how they were
made. They are one union rather than a protocol, so that what makes or describes a model can tell
the kinds apart and a checker sees that none is forgotten.
"""

import json

from nas.latency.model import LatencyModel
from nas.latency.op_model import KIND, OpLatencyModel

__all__ = ["AnyLatencyModel", "read_model"]

AnyLatencyModel = LatencyModel | OpLatencyModel


def read_model(text: str, *, where: str = "model.json") -> AnyLatencyModel:
    """The model that `to_json` of either kind wrote.

    Raises:
        DeviceError: Not such a text; names `where`.
    """
    try:
        kind = json.loads(text).get("kind")
    except (ValueError, AttributeError):
        kind = None  # the reader says what is wrong
    reader = OpLatencyModel if kind == KIND else LatencyModel
    return reader.from_json(text, where=where)
