"""A phone over adb, with TensorFlow Lite's `benchmark_model` that lies on it."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import uuid4

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.backends.base import Conditions, Measurement
from nas.latency.backends.benchmark_model import DELEGATES, PRINTED, flags, read_benchmark
from nas.latency.backends.files import input_size
from nas.latency.backends.process import last_words, run_program

__all__ = ["Adb"]

_SHORT_S = 60  # time limit of all that runs no network
_BINARY = (
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/"
    "nightly/latest/android_aarch64_benchmark_model"
)
_UNLOCK = "unlock the phone and allow USB debugging for this computer"
_STATES = {  # of a phone that answers no command: what to do
    "unauthorized": _UNLOCK,
    "authorizing": _UNLOCK,
    "offline": "plug it in again, or restart it",
}


@dataclass(frozen=True, slots=True)
class Adb:
    """An Android phone.

    Args:
        serial: As `adb devices` lists it; may be left out where one phone is attached.
        delegate: What runs the network: cpu, gpu or nnapi.
        threads: Of the CPU.
        remote: Where `benchmark_model` lies on the phone.
        adb: The program.
        timeout_s: Of one network.
    """

    serial: str | None = None
    delegate: str = "cpu"
    threads: int = 4
    remote: str = "/data/local/tmp/benchmark_model"
    adb: str = "adb"
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        if self.delegate not in DELEGATES:
            known = ", ".join(DELEGATES)
            raise DeviceError(f"there is no delegate {self.delegate!r}", f"known: {known}")
        if self.threads < 1:
            raise DeviceError(f"threads must be at least 1, got {self.threads}")

    @property
    def name(self) -> str:
        """As typed after `--backend`."""
        return "adb"

    def describe(self) -> str:
        """Maker, model, chip and Android version of the phone."""
        asked = ("ro.product.manufacturer", "ro.product.model", "ro.board.platform")
        maker, model, chip, android = (
            self._run("shell", f"getprop {key}").stdout.strip()
            for key in (*asked, "ro.build.version.release")
        )
        return f"{maker} {model} ({chip}), Android {android}"

    def check(self) -> None:
        """Raises `DeviceError` where no phone, or no `benchmark_model`, is ready."""
        remote = shlex.quote(self.remote)
        # The words, not the exit code, which old phones do not hand on.
        answer = self._run("shell", f"test -x {remote} && echo ready || echo missing")
        if "missing" in answer.stdout:
            raise self._no_binary()
        if "ready" not in answer.stdout:
            raise DeviceError(
                f"the phone does not answer: {last_words(answer)}", _STATES["offline"]
            )

    def measure(self, graph: Graph, file: Path) -> Measurement:
        """Times `file` on the phone and takes it away again.

        Raises:
            DeviceError: A command failed or took too long, or the delegate does not run the file.
        """
        height, width = input_size(file)
        with self._pushed(file) as there:
            how = flags(self.delegate, threads=self.threads, max_seconds=self.timeout_s / 3)
            command = shlex.join((self.remote, f"--graph={there}", *how))
            done = self._run("shell", command, timeout_s=self.timeout_s)
        if done.returncode in (126, 127):  # as a shell says that there is no such program
            raise self._no_binary()
        timing = read_benchmark(f"{done.stdout}\n{done.stderr}", self.delegate)
        if done.returncode:
            raise DeviceError(f"benchmark_model failed on {file}: {last_words(done)}")
        return Measurement(
            latency_ms=timing.latency_ms,
            noise=timing.noise,
            conditions=Conditions(
                runtime=f"TensorFlow Lite benchmark_model, {PRINTED[self.delegate]}",
                precision="INT8",
                height=height,
                width=width,
                layout="NHWC",
                threads=self.threads if self.delegate == "cpu" else 0,
                statistic=timing.statistic,
            ),
            note=timing.note,
        )

    @contextmanager
    def _pushed(self, file: Path) -> Iterator[str]:
        """The file's place on the phone, from which it is removed in the end."""
        there = str(PurePosixPath(self.remote).parent / f"nas-{uuid4().hex}.tflite")
        try:
            done = self._run("push", str(file), there)
            if done.returncode:
                raise DeviceError(f"adb could not push {file}: {last_words(done)}")
            yield there
        finally:
            with suppress(DeviceError):  # the phone is gone; what went wrong first is the error
                self._run("shell", f"rm -f {shlex.quote(there)}")

    def _run(
        self, *command: str, timeout_s: float = _SHORT_S
    ) -> "subprocess.CompletedProcess[str]":
        limit_s = min(timeout_s, self.timeout_s)
        return run_program([self.adb, "-s", self._phone(), *command], timeout_s=limit_s)

    def _phone(self) -> str:
        """The serial number of the phone; raises where it is not ready or not the only one."""
        found = self._phones()
        if not found:
            raise DeviceError(
                "no phone is attached", "connect one by USB and allow USB debugging on it"
            )
        if self.serial is None and len(found) > 1:
            raise DeviceError(f"{len(found)} phones are attached", f"--serial {' or '.join(found)}")
        serial = self.serial or next(iter(found))
        if serial not in found:
            raise DeviceError(f"there is no phone {serial}", f"attached: {', '.join(found)}")
        state = found[serial]
        if state != "device":
            raise DeviceError(
                f"the phone {serial} is not ready: {state}",
                _STATES.get(state, "see what `adb devices` says"),
            )
        return serial

    def _phones(self) -> dict[str, str]:
        """State by serial number."""
        if shutil.which(self.adb) is None:
            raise DeviceError(
                f"there is no program {self.adb}", "install Android's platform-tools, or give --adb"
            )
        done = run_program([self.adb, "devices"], timeout_s=min(_SHORT_S, self.timeout_s))
        if done.returncode:
            raise DeviceError(f"adb failed: {last_words(done)}", "try `adb kill-server`")
        rows = (line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
        return {serial: state.strip() for serial, state in rows}

    def _no_binary(self) -> DeviceError:
        file = _BINARY.rsplit("/", 1)[-1]
        return DeviceError(
            f"there is no program {self.remote} on the phone",
            f"download {_BINARY}, then `adb push {file} {self.remote}` and "
            f"`adb shell chmod +x {self.remote}`",
        )
