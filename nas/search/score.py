"""The score of the Mobile AI challenges: quality counts exponentially, time linearly.

Source: Mobile AI 2021 report (arXiv:2105.07825), Mobile AI & AIM 2022 report (arXiv:2211.05910),
and the XCAT paper, whose formula 2^(2 (PSNR - 30)) / (ms 1e-5) is the same with another constant.
"""

from nas.errors import UsageError

__all__ = ["CONSTANTS", "LEAST_SHARE", "challenge_score", "check_constant"]

CONSTANTS: dict[str, float] = {
    "mai2021": 2.0**48,
    "mai2022": 10 * 2.0**48,
    "xcat": 2.0**60 * 1e-5,
}
LEAST_SHARE = 0.25
"""Of the best score; a network with less is no choice, however fast or good it is."""


def check_constant(constant: str) -> None:
    """Raises `UsageError` where there is no such constant."""
    if constant not in CONSTANTS:
        raise UsageError(
            f"there is no score {constant!r}", f"--score is one of {', '.join(CONSTANTS)}"
        )


def challenge_score(psnr_db: float, latency_ms: float, constant: str = "mai2022") -> float:
    """2^(2 PSNR) / (C ms).

    Example:
        >>> round(challenge_score(30.03, 19.2), 2)  # the winner of 2022
        22.25
    """
    check_constant(constant)
    return float(2 ** (2 * psnr_db) / (CONSTANTS[constant] * latency_ms))
