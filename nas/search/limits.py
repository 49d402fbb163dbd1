"""What a person demands of a network, besides a good score."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from nas.errors import UsageError

__all__ = ["LIMITS", "NONE", "PSNR_CONSTRAINT", "Excess", "Limits", "Requirement"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One kind of limit.

    Args:
        option: Of `nas search`.
        noun: What is limited.
        unit: Of the limit.
        kind: Of the refusal of a network that is over it.
        least: What the smallest network does; the number follows.
    """

    option: str
    noun: str
    unit: str
    kind: str
    least: str


LIMITS = {  # in the order of `Refusal.constraints`, where the first place is that of rules
    "max_latency_ms": Requirement(
        "--max-latency-ms", "latency", "ms", "slow", "the fastest network seen takes"
    ),
    "min_psnr_db": Requirement("--min-psnr", "PSNR", "dB", "poor", ""),  # known after training
    "max_size_kib": Requirement(
        "--max-size-kib", "size", "KiB", "large", "the smallest file of a network seen may have"
    ),
    "max_memory_mb": Requirement(
        "--max-memory-mb", "memory", "MB", "memory", "the leanest network seen takes"
    ),
}
PSNR_CONSTRAINT = "2"  # as Optuna names the third entry of a list


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a network does not keep.

    Args:
        requirement: Which.
        amount: By how much, in its unit; positive.
        told: In one line.
    """

    requirement: Requirement
    amount: float
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Demands, each of which may be absent.

    Args:
        max_latency_ms: Predicted for the device.
        min_psnr_db: Of the INT8 network on the validation images.
        max_size_kib: Of the uint8 TensorFlow Lite file; 1024 bytes each.
        max_memory_mb: Of INT8 activations that are alive at once; a million bytes each.
    """

    max_latency_ms: float | None = None
    min_psnr_db: float | None = None
    max_size_kib: float | None = None
    max_memory_mb: float | None = None

    def check(self) -> None:
        """Raises `UsageError` for a limit that makes no sense."""
        for field in fields(self):
            value, limit = getattr(self, field.name), LIMITS[field.name]
            if value is not None and not 0 < value < float("inf"):
                wrong = "not positive" if not value > 0 else "too large"
                raise UsageError(
                    f"{limit.noun} limit {value:g} {limit.unit} is {wrong}",
                    f"{limit.option} takes {limit.unit}; leave it out for no limit",
                )

    def excesses(
        self,
        *,
        latency_ms: float = 0.0,
        psnr_db: float = float("inf"),
        size_kib: float = 0.0,
        memory_mb: float = 0.0,
    ) -> list[Excess]:
        """The limits that a network does not keep, of what is known of it."""
        found = {
            "max_latency_ms": latency_ms,
            "min_psnr_db": psnr_db,
            "max_size_kib": size_kib,
            "max_memory_mb": memory_mb,
        }
        return [excess for name, value in found.items() for excess in self._excess(name, value)]

    def lacking_db(self, psnr_db: float) -> float:
        """How much quality a network lacks; 0 where it is good enough."""
        return max(0.0, (self.min_psnr_db or 0.0) - psnr_db)

    def constraints_of(self, psnr_db: float) -> list[float] | None:
        """Of a trained network, as Optuna takes them, feasible is <= 0; None: no limit on PSNR.

        Rules and milliseconds come first and are kept, or it would not have been trained.
        """
        return None if self.min_psnr_db is None else [0.0, 0.0, self.min_psnr_db - psnr_db]

    def _excess(self, name: str, value: float) -> Iterator[Excess]:
        bound, limit = getattr(self, name), LIMITS[name]
        if bound is None:
            return
        amount = bound - value if name == "min_psnr_db" else value - bound
        if amount > 0:
            side = "under" if name == "min_psnr_db" else "over"
            digits = _digits(value, bound, least=2 if limit.unit == "dB" else 1)
            told = f"{value:.{digits}f} {limit.unit} is {side} the limit of {bound:g} {limit.unit}"
            yield Excess(limit, amount, told)


def _digits(value: float, bound: float, *, least: int) -> int:
    """Enough to tell the two apart."""
    return next((d for d in range(least, 4) if f"{value:.{d}f}" != f"{bound:.{d}f}"), 6)


NONE = Limits()
