"""Scores against the published tables of Mobile AI 2021 and 2022 and of the XCAT paper."""

import pytest

from nas.errors import UsageError
from nas.search.score import challenge_score

PUBLISHED = [  # who, constant, PSNR dB, ms, score
    ("SCSRN", "mai2022", 30.03, 19.2, 22.22),
    ("RPQ", "mai2022", 29.88, 15.9, 21.84),
    ("PureConvSR", "mai2022", 29.82, 15.1, 21.08),
    ("XCAT", "xcat", 29.81, 320, 240),
    ("XCAT-A", "xcat", 29.79, 320, 233),
]


@pytest.mark.parametrize(("who", "constant", "psnr_db", "latency_ms", "score"), PUBLISHED)
def test_published_scores(
    who: str, constant: str, psnr_db: float, latency_ms: float, score: float
) -> None:
    assert challenge_score(psnr_db, latency_ms, constant) == pytest.approx(score, rel=0.005)


def test_2021_is_ten_times_2022() -> None:
    assert challenge_score(29, 10, "mai2021") == pytest.approx(10 * challenge_score(29, 10))


def test_unknown_constant() -> None:
    with pytest.raises(UsageError) as caught:
        challenge_score(30, 10, "mai2023")
    assert caught.value.message == "there is no score 'mai2023'"
    assert caught.value.hint == "--score is one of mai2021, mai2022, xcat"
