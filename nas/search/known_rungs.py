"""Rungs that were trained before, as entries of the evaluation cache."""

import json
from dataclasses import replace

from nas.graph import Graph, to_text
from nas.search.evaluation_cache import EvaluationCache, key_of
from nas.search.tasks import Reached

__all__ = ["find_rung", "keep_rung", "rung_key"]


def rung_key(identity: str, graph: Graph, rung: int, state: bytes) -> str:
    """Of a rung that a network reaches from a state, which stands for all rungs before.

    The start of training depends on the order of the nodes, which the text has.

    Args:
        identity: Of the bench.
        graph: The network.
        rung: To reach.
        state: To go on from.
    """
    return key_of(identity, to_text(graph), str(rung), state)


def find_rung(cache: EvaluationCache, key: str) -> Reached | None:
    """What was reached then, for no time now."""
    parts = cache.find(key)
    if parts is None:
        return None
    try:
        told = json.loads(parts.pop("told"))
        steps, float_db, int8_db = told["reading"]
        return Reached(
            reading=(int(steps), float(float_db), float(int8_db)),
            is_last=bool(told["is_last"]),
            state=parts["state"],
            weights=parts["weights"],
            details_png=parts["details_png"],
            train_s=0.0,
            quantize_s=0.0,
            evaluate_s=0.0,
            is_cached=True,
        )
    except (LookupError, TypeError, ValueError):  # of another version
        return None


def keep_rung(cache: EvaluationCache, key: str, reached: Reached) -> None:
    """Keeps all but the seconds; nobody goes on from the state of the last rung."""
    if reached.is_last:
        reached = replace(reached, state=b"")
    told = {"reading": reached.reading, "is_last": reached.is_last}
    cache.keep(
        key,
        {
            "told": json.dumps(told).encode(),
            "state": reached.state,
            "weights": reached.weights,
            "details_png": reached.details_png,
        },
    )
