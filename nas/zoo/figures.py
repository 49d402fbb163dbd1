"""Published figures: one number, its name with the unit last, and the table it stands in.

A row of a published table is one call; None is what the table leaves out or prints as n.a.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "FQSR_PAPER",
    "REPORT_2021",
    "REPORT_2022",
    "XCAT_PAPER",
    "XLSR_PAPER",
    "Figure",
    "fqsr_table",
    "printed_parameters",
    "report_2021",
    "report_2022",
    "xcat_table",
]

XLSR_PAPER = "Ayazoglu 2021 (arXiv:2105.10288)"
REPORT_2021 = "Mobile AI 2021 report (CVPR workshops 2021)"
REPORT_2022 = "Mobile AI & AIM 2022 report (arXiv:2211.05910)"
XCAT_PAPER = "Ayazoglu & Bilecen 2022 (AIM workshop at ECCV)"
FQSR_PAPER = "Wang et al. 2021 (arXiv:2011.14265)"

_MULTIPLES = {"K": 10**3, "M": 10**6}
_COLUMNS_2021 = (
    "model_size_kib", "psnr_int8_test_db", "ssim", "psnr_drop_db", "ssim_drop",
    "cpu_ms", "npu_ms", "speedup", "score_2021",
)  # fmt: skip
_COLUMNS_2022 = (
    "model_size_kib", "psnr_int8_test_db", "ssim", "psnr_drop_db",
    "cpu_ms", "npu_ms", "speedup", "score_2022",
)  # fmt: skip
_COLUMNS_XCAT = ("psnr_float_val_db", "psnr_uint8_val_db", "mali_ms", "score_xcat")
_SETS_FQSR = ("set5", "set14", "b100", "urban100", "div2k")


@dataclass(frozen=True, slots=True)
class Figure:
    """A published number.

    Args:
        name: What it is, the unit as its last word; `ssim`, `speedup` and scores have none.
        value: In that unit.
        source: Paper and table.
        printed: Text of a count that is rounded in print, such as 22K.
        doubt: Why the number is not believed, where it contradicts others.
    """

    name: str
    value: float
    source: str
    printed: str = ""
    doubt: str = ""

    def agrees(self, count: int) -> bool:
        """Whether `count`, rounded up or down to the printed digits, is this figure."""
        digits = self.printed.rstrip("KM").replace(",", "")
        _, _, decimals = digits.partition(".")
        step: float = _MULTIPLES.get(self.printed[-1:], 1) / 10 ** len(decimals)
        return abs(count - self.value) < step


def printed_parameters(
    printed: str, source: str, *, name: str = "parameters", doubt: str = ""
) -> Figure:
    """The parameter count `printed`, such as 22K, 42.54K, 43M or 52,279."""
    digits = printed.rstrip("KM").replace(",", "")
    value = float(digits) * _MULTIPLES.get(printed[-1], 1)
    return Figure(name, round(value, 6), source, printed, doubt)


def report_2021(*row: float | None) -> tuple[Figure, ...]:
    """A row of Table 1 of the Mobile AI 2021 report.

    KiB, PSNR and SSIM on the test set and their drops from float, CPU ms, NPU ms, speed-up, score.
    """
    return _row(_COLUMNS_2021, row, f"{REPORT_2021}, Table 1")


def report_2022(*row: float | None) -> tuple[Figure, ...]:
    """A row of Table 1 of the Mobile AI & AIM 2022 report.

    KiB, PSNR and SSIM on the test set, PSNR drop from float, CPU ms, NPU ms, speed-up, score.
    """
    return _row(_COLUMNS_2022, row, f"{REPORT_2022}, Table 1")


def xcat_table(table: int, *row: float | None) -> tuple[Figure, ...]:
    """A row of a table of the XCAT paper: float and uint8 PSNR on DIV2K, ms on a Mali, score."""
    return _row(_COLUMNS_XCAT, row, f"{XCAT_PAPER}, Table {table}")


def fqsr_table(
    table: int, bits: str, psnr_db: Iterable[float | None], ssim: Iterable[float | None]
) -> tuple[Figure, ...]:
    """A row of a table of the FQSR paper: PSNR and SSIM on five sets.

    Args:
        table: Its number.
        bits: Of weights, feature maps and skips, such as 8/8/8; or float.
        psnr_db: On Set5, Set14, B100, Urban100, DIV2K.
        ssim: On the same.
    """
    kind, source = bits.replace("/", "_"), f"{FQSR_PAPER}, Table {table}"
    names = [f"psnr_{where}_{kind}_db" for where in _SETS_FQSR]
    likeness = [f"ssim_{where}_{kind}" for where in _SETS_FQSR]
    return _row(names, psnr_db, source) + _row(likeness, ssim, source)


def _row(names: Iterable[str], row: Iterable[float | None], source: str) -> tuple[Figure, ...]:
    pairs = zip(names, row, strict=True)
    return tuple(Figure(name, value, source) for name, value in pairs if value is not None)
