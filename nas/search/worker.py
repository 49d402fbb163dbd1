"""The main function of a worker process: set up once, then answer tasks until told to end."""

import importlib
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nas.search.crops import strip_png
from nas.search.stopping import Rival, goes_on
from nas.search.tasks import Answer, Bench, Evaluate, Measured, Rung, Setup, Task

__all__ = ["work"]


def work(channel: "Connection[Any, Any]", threads: int) -> None:
    """Runs until the channel closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the main process, which decides
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.dup2(2, 1)  # stdout belongs to the result of the main process
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    bench: Bench | None = None
    while True:
        try:
            message: Setup | Task = channel.recv()
        except (EOFError, OSError):
            return
        if isinstance(message, Setup):
            try:
                bench = _set_up(message)
            except Exception as error:
                channel.send(Answer(error=_line(error), useless=True))
                return
        elif bench is not None:
            channel.send(_answer(bench, message))


def _set_up(setup: Setup) -> Bench:
    module, _, name = setup.bench.partition(":")
    make: Callable[..., Bench] = getattr(importlib.import_module(module), name)
    return make(setup.dataset, scale=setup.scale, seed=setup.seed)


def _answer(bench: Bench, task: Task) -> Answer:
    from nas.graph import parse_text

    try:
        graph = parse_text(task.network)
        if isinstance(task, Evaluate):
            return Answer(_measure(bench, graph, task))
        return Answer(bench.finalise(graph, Path(task.folder)))
    except OSError as error:
        return Answer(error=_line(error), errno=error.errno or 0)
    except Exception as error:
        return Answer(error=_line(error))


def _measure(bench: Bench, graph: Any, task: Evaluate) -> Measured:
    num_rungs = 0

    def go_on(reading: Rung) -> bool:
        nonlocal num_rungs
        rung, num_rungs = num_rungs, num_rungs + 1
        mine = Rival(reading.psnr_int8_db, task.latency_ms)
        rivals = task.rivals[rung] if rung < len(task.rivals) else ()
        return goes_on(mine, rivals, rung=rung)

    found = bench.evaluate(graph, go_on)
    readings = tuple(
        (int(r.steps), float(r.psnr_float_db), float(r.psnr_int8_db)) for r in found.readings
    )
    if not readings or not all(math.isfinite(psnr) for _, *psnrs in readings for psnr in psnrs):
        raise FloatingPointError(f"training gave no finite PSNR, got {readings}")
    return Measured(
        readings,
        float(found.train_s),
        float(found.quantize_s),
        float(found.evaluate_s),
        strip_png(found.details),
    )


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a killed main process cannot tell anybody to stop
