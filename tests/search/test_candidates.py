"""What is refused before training, in which words, and what is known of the others."""

from pathlib import Path

import pytest

from nas.latency.devices import load_device
from nas.search.candidates import REMEDIES, Candidate, Judge, Refusal
from nas.search.limits import Limits
from nas.space import load_space
from tests.search.boards import SMALL_SPACE

SMALLEST, LARGEST = {"width": 8, "depth": 1}, {"width": 12, "depth": 2}
PIXELS = 360 * 640
# Input and output of a convolution; the image that depth-to-space writes has as many values as the
# 27 channels that it reads.
MEMORY_MB = PIXELS * (27 + 27) / 1e6
CHANNEL, CONV, FUSED = 28, 720, 40
EMPTY = 1830 + 1024 + 160  # ends in depth-to-space
SMALLEST_KIB = (
    EMPTY + 27 * 8 + 8 * CHANNEL + CONV + FUSED + 9 * 8 * 27 + 27 * CHANNEL + CONV
) / 1024


def judge(**limits: float) -> Judge:
    Path("small.py").write_text(SMALL_SPACE)
    model = load_device("synaptics-vs680").model
    return Judge(load_space("small.py"), model, scale=3, limits=Limits(**limits))


def refused(found: Candidate | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def test_a_candidate_says_its_file_and_its_memory() -> None:
    found = judge().look(SMALLEST)
    assert isinstance(found, Candidate)
    assert found.size_kib == SMALLEST_KIB
    assert found.memory_mb == MEMORY_MB


def test_limits_let_through_what_just_fits() -> None:
    fits = judge(max_size_kib=SMALLEST_KIB, max_memory_mb=MEMORY_MB)
    assert isinstance(fits.look(SMALLEST), Candidate)
    assert refused(fits.look(LARGEST)).kind == "large"


@pytest.mark.parametrize(
    ("asked", "kind", "place", "reason"),
    [
        ({"max_latency_ms": 0.5}, "slow", 1, r"ms is over the limit of 0.5 ms"),
        ({"max_size_kib": 4.0}, "large", 3, r"KiB is over the limit of 4 KiB"),
        ({"max_memory_mb": 12.0}, "memory", 4, r"12.4 MB is over the limit of 12 MB"),
    ],
)
def test_what_is_over_a_limit_is_refused_with_its_amount(
    asked: dict[str, float], kind: str, place: int, reason: str
) -> None:
    found = refused(judge(**asked).look(LARGEST))
    assert found.kind == kind
    assert found.reason.endswith(reason)
    assert [i for i, amount in enumerate(found.constraints) if amount > 0] == [place]
    assert found.digest
    assert kind in REMEDIES


def test_all_broken_limits_are_told_and_the_first_is_the_kind() -> None:
    found = refused(judge(max_size_kib=4, max_memory_mb=12).look(LARGEST))
    assert found.kind == "large"
    assert found.reason.count("over the limit") == 2
    assert found.constraints[3] > 0
    assert found.constraints[4] == pytest.approx(MEMORY_MB - 12)


def test_quality_refuses_nothing_before_training() -> None:
    assert isinstance(judge(min_psnr_db=99).look(LARGEST), Candidate)


@pytest.mark.parametrize(
    ("asked", "told", "option"),
    [
        (
            {"max_size_kib": 4.0},
            f"the smallest file of a network seen may have {SMALLEST_KIB:.2f} KiB, over the limit "
            "of 4 KiB",
            "--max-size-kib",
        ),
        (
            {"max_memory_mb": 12.0},
            "the leanest network seen takes 12.44 MB, over the limit of 12 MB",
            "--max-memory-mb",
        ),
    ],
)
def test_the_complaint_names_the_smallest(asked: dict[str, float], told: str, option: str) -> None:
    asking = judge(**asked)
    for pick in (LARGEST, SMALLEST):
        asking.look(pick)
    assert asking.complaint() == (told, f"raise {option}, or choose another space")


def test_memory_is_that_of_the_size_that_the_device_reads() -> None:
    Path("small.py").write_text(SMALL_SPACE)
    model = load_device("synaptics-vs680").model
    half = Judge(load_space("small.py"), model, scale=3, input_size=(180, 640))
    found = half.look(SMALLEST)
    assert isinstance(found, Candidate)
    assert found.memory_mb == MEMORY_MB / 2
