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
    """FILE REFERENCE THREADS MIN_RUNS MIN_SECONDS CORES, the last with commas, or empty for any.

    The reference is another file, which is timed before and after each run.
    """
    file, reference_file, threads, min_runs, min_seconds, cores = arguments
    if cores:  # before the interpreters start their threads, which inherit it
        os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
    network, reference = (_open(path, int(threads)) for path in (file, reference_file))
    gc.disable()
    _time(network, reference, min_runs=3, min_seconds=float(min_seconds) / 4)  # warms up
    times_ns, reference_ns = _time(
        network, reference, min_runs=int(min_runs), min_seconds=float(min_seconds)
    )
    delegated = any(op["op_name"] == "DELEGATE" for op in network._get_ops_details())
    said = {"times_ns": times_ns, "reference_ns": reference_ns, "delegated": delegated}
    sys.stdout.write(json.dumps(said) + "\n")


def _open(path: str, threads: int) -> Any:
    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    noise = np.random.default_rng(0).integers(0, 256, entry["shape"])
    interpreter.set_tensor(entry["index"], noise.astype(entry["dtype"]))
    return interpreter


def _time(
    network: Any, reference: Any, *, min_runs: int, min_seconds: float
) -> tuple[list[int], list[int]]:
    """Nanoseconds of each run, and of the runs of the reference around them, one more."""
    times: list[int] = []
    around = [_run(reference)]
    end = perf_counter_ns() + min_seconds * 1e9
    while len(times) < min_runs or perf_counter_ns() < end:
        times.append(_run(network))
        around.append(_run(reference))
    return times, around


def _run(interpreter: Any) -> int:
    start = perf_counter_ns()
    interpreter.invoke()
    return perf_counter_ns() - start


if __name__ == "__main__":
    main(sys.argv[1:])
