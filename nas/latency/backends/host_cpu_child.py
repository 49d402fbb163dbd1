"""Times a file with LiteRT in a process of its own, which `host_cpu` pins to its cores.

Run by path, it imports nothing of `nas`. Writes one line of JSON to stdout.
"""

import gc
import json
import os
import sys
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

__all__ = ["main"]


def main(arguments: Sequence[str]) -> None:
    """FILE THREADS MIN_RUNS MIN_SECONDS CORES, the last with commas, or empty for any core."""
    file, threads, min_runs, min_seconds, cores = arguments
    if cores:  # before the interpreter starts its threads, which inherit it
        os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
    interpreter = Interpreter(model_path=file, num_threads=int(threads))
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    noise = np.random.default_rng(0).integers(0, 256, entry["shape"])
    interpreter.set_tensor(entry["index"], noise.astype(entry["dtype"]))
    gc.disable()
    _time(interpreter, min_runs=3, min_seconds=float(min_seconds) / 4)  # warms up
    times_ns = _time(interpreter, min_runs=int(min_runs), min_seconds=float(min_seconds))
    delegated = any(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())
    sys.stdout.write(json.dumps({"times_ns": times_ns, "delegated": delegated}) + "\n")


def _time(interpreter: Any, *, min_runs: int, min_seconds: float) -> list[int]:
    """Nanoseconds of each run."""
    times: list[int] = []
    end = perf_counter_ns() + min_seconds * 1e9
    while len(times) < min_runs or perf_counter_ns() < end:
        start = perf_counter_ns()
        interpreter.invoke()
        times.append(perf_counter_ns() - start)
    return times


if __name__ == "__main__":
    main(sys.argv[1:])
