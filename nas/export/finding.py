"""One thing that is wrong with a package."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule.

    Args:
        file: Of the package.
        rule: What should hold.
        said: What was found instead, with values.
    """

    file: str
    rule: str
    said: str

    def __str__(self) -> str:
        """On one line of printable characters, whatever a file is named."""
        text = f"{self.file}: {self.rule}: {self.said}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
