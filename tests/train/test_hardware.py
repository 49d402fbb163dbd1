"""Which device and which numbers a person means."""

import pytest
import torch

from nas.errors import UsageError
from nas.train.hardware import Hardware, choose_hardware


@pytest.fixture(autouse=True)
def _two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_auto_takes_a_gpu_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_hardware() == Hardware("cuda", "float32")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_hardware() == Hardware("cpu", "float32")


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:1"])
def test_device_that_is_there_is_taken(device: str) -> None:
    found = choose_hardware(device, "bfloat16")
    assert found == Hardware(device, "bfloat16")
    assert found.is_cuda == (device != "cpu")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cuda:2", "there is no device cuda:2: torch sees 2 GPUs"),
        ("cuda:x", "there is no device cuda:x: torch sees 2 GPUs"),
        ("cudax", "unknown device cudax"),
        ("tpu", "unknown device tpu"),
        ("", "unknown device "),
    ],
)
def test_device_that_is_not_there_is_refused(device: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_hardware(device)
    assert caught.value.message == message


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown precision half \(float32 or bfloat16\)"):
        choose_hardware("cpu", "half")


def test_only_bfloat16_casts() -> None:
    x = torch.rand(1, 3, 4, 4)
    kernel = torch.rand(2, 3, 3, 3)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with choose_hardware("cpu", precision).autocast():
            assert torch.nn.functional.conv2d(x, kernel).dtype == dtype


def test_kernels_lie_as_images_do_on_a_gpu_only() -> None:
    class StandIn(Hardware):
        @property
        def is_cuda(self) -> bool:
            return True

    for hardware, last in ((Hardware(), False), (StandIn("meta"), True)):
        module = torch.nn.Conv2d(3, 4, 3)
        hardware.place(module)
        assert module.weight.is_contiguous(memory_format=torch.channels_last) == last
        assert module.weight.device.type == hardware.device
