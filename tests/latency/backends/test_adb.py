"""A phone that a script plays: no phone was attached when this was written."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.backends.adb import Adb

TEXTS = Path(__file__).parent / "benchmark_model"
ONE = "PIXEL1\\tdevice\\n"
Phone = Callable[..., Adb]


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    """Makes an `adb` that lists `devices`, and runs `answer` in place of benchmark_model.

    It notes its arguments, line by line, in `calls`.
    """

    def make(
        devices: str = ONE, *, answer: str = "true", binary: str = "ready", **options: object
    ) -> Adb:
        script = tmp_path / "adb"
        script.write_text(
            f"""#!/bin/sh
echo "$*" >> {shlex.quote(str(tmp_path / "calls"))}
case "$*" in
  devices) printf 'List of devices attached\\n{devices}\\n' ;;
  *"test -x"*) echo {binary} ;;
  *getprop*manufacturer) echo Google ;;
  *getprop*model) echo Pixel 8 ;;
  *getprop*platform) echo zuma ;;
  *getprop*release) echo 14 ;;
  *--graph=*) {answer} ;;
  *push*) echo '1 file pushed' ;;
esac
"""
        )
        script.chmod(0o755)
        return Adb(adb=str(script), **options)  # type: ignore[arg-type]

    return make


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def says(name: str) -> str:
    return f"cat {shlex.quote(str(TEXTS / name))}"


def test_a_time_is_read_and_the_file_taken_away(
    phone: Phone, graph: Graph, file: Path, tmp_path: Path
) -> None:
    backend = phone(answer=says("cpu.txt"), threads=2)
    backend.check()
    found = backend.measure(graph, file)
    assert (found.latency_ms, found.note) == (20.4, "")
    conditions = found.conditions
    assert conditions.runtime == "TensorFlow Lite benchmark_model, XNNPACK"
    assert (conditions.height, conditions.width, conditions.threads) == (24, 32, 2)
    push, run, remove = (call for call in calls(tmp_path) if "/nas-" in call)
    there = push.split()[-1]
    assert push == f"-s PIXEL1 push {file} {there}"
    assert run.startswith(f"-s PIXEL1 shell /data/local/tmp/benchmark_model --graph={there} ")
    assert "--num_threads=2" in run
    assert run.endswith(" --use_xnnpack=true")
    assert remove == f"-s PIXEL1 shell rm -f {there}"


def test_a_delegate_has_no_threads(phone: Phone, graph: Graph, file: Path) -> None:
    found = phone(answer=says("gpu_partly.txt"), delegate="gpu").measure(graph, file)
    assert found.conditions.runtime == "TensorFlow Lite benchmark_model, GPU"
    assert found.conditions.threads == 0
    assert found.note == "GPU ran 22 of 24 ops of the network, the CPU the rest"


def test_the_phone_is_described(phone: Phone) -> None:
    assert phone().describe() == "Google Pixel 8 (zuma), Android 14"


ATTACHED = [  # what `adb devices` lists, options, error
    ("", {}, "no phone is attached (connect one by USB and allow USB debugging on it)"),
    (
        ONE + "emulator-5554\\tdevice\\n",
        {},
        "2 phones are attached (--serial PIXEL1 or emulator-5554)",
    ),
    (
        "PIXEL1\\tunauthorized\\n",
        {},
        "the phone PIXEL1 is not ready: unauthorized "
        "(unlock the phone and allow USB debugging for this computer)",
    ),
    (
        "PIXEL1\\toffline\\n",
        {},
        "the phone PIXEL1 is not ready: offline (plug it in again, or restart it)",
    ),
    (
        "PIXEL1\\tno permissions (missing udev rules?)\\n",
        {},
        "the phone PIXEL1 is not ready: no permissions (missing udev rules?) "
        "(see what `adb devices` says)",
    ),
    (ONE, {"serial": "OTHER"}, "there is no phone OTHER (attached: PIXEL1)"),
]


@pytest.mark.parametrize(("devices", "options", "message"), ATTACHED)
def test_a_phone_that_is_not_ready_is_refused(
    phone: Phone, devices: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        phone(devices, **options).check()
    assert str(caught.value) == message


def test_one_of_two_phones_is_taken_by_its_serial(phone: Phone, tmp_path: Path) -> None:
    phone(ONE + "emulator-5554\\tdevice\\n", serial="emulator-5554").check()
    assert calls(tmp_path)[-1].startswith("-s emulator-5554 shell test -x ")


MISSING = (
    "there is no program /data/local/tmp/benchmark_model on the phone (download "
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/"
    "nightly/latest/android_aarch64_benchmark_model, then `adb push "
    "android_aarch64_benchmark_model /data/local/tmp/benchmark_model` and `adb shell chmod +x "
    "/data/local/tmp/benchmark_model`)"
)


def test_a_phone_without_the_program_says_where_it_comes_from(
    phone: Phone, graph: Graph, file: Path
) -> None:
    with pytest.raises(DeviceError) as caught:
        phone(binary="missing").check()
    assert str(caught.value) == MISSING
    with pytest.raises(DeviceError) as caught:
        phone(answer="echo 'sh: benchmark_model: not found' >&2; exit 127").measure(graph, file)
    assert str(caught.value) == MISSING


def test_a_phone_that_is_silent_lacks_nothing(phone: Phone) -> None:
    with pytest.raises(DeviceError) as caught:
        phone(binary="error: closed >&2; exit 1").check()
    assert str(caught.value) == (
        "the phone does not answer: error: closed (plug it in again, or restart it)"
    )


FAILURES = [  # in place of benchmark_model, error
    (says("gpu_failed.txt") + "; exit 1", r"^GPU does not run this network on the phone: ERROR: "),
    (says("no_file.txt") + "; exit 1", r"^benchmark_model did not finish: ERROR: Could not open"),
    (says("gpu.txt") + "; exit 3", r"^benchmark_model failed on .*overall=48\.5$"),
    ("sleep 60", r"adb was stopped after 0\.5 s$"),
]


@pytest.mark.parametrize(("answer", "message"), FAILURES)
def test_the_file_is_taken_away_after_a_failure(
    phone: Phone, graph: Graph, file: Path, tmp_path: Path, answer: str, message: str
) -> None:
    with pytest.raises(DeviceError, match=message):
        phone(answer=answer, delegate="gpu", timeout_s=0.5).measure(graph, file)
    assert " shell rm -f /data/local/tmp/nas-" in calls(tmp_path)[-1]


def test_a_file_that_cannot_be_pushed_is_not_timed(
    phone: Phone, graph: Graph, file: Path, tmp_path: Path
) -> None:
    backend = phone()
    script = Path(backend.adb)
    full = "echo 'adb: error: failed to copy: No space left on device' >&2; exit 1"
    script.write_text(script.read_text().replace("echo '1 file pushed'", full))
    with pytest.raises(DeviceError) as caught:
        backend.measure(graph, file)
    assert str(caught.value) == (
        f"adb could not push {file}: adb: error: failed to copy: No space left on device"
    )
    assert not [call for call in calls(tmp_path) if "--graph=" in call]


def test_a_missing_adb_says_where_it_comes_from() -> None:
    with pytest.raises(DeviceError) as caught:
        Adb(adb="/nowhere/adb").check()
    assert str(caught.value) == (
        "there is no program /nowhere/adb (install Android's platform-tools, or give --adb)"
    )


BAD = [
    ({"delegate": "dsp"}, "there is no delegate 'dsp' (known: cpu, gpu, nnapi)"),
    ({"threads": 0}, "threads must be at least 1, got 0"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_a_bad_option_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(DeviceError) as caught:
        Adb(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message
