"""The pages that people read: their commands, and a desk where these can run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from nas.data.dead_leaves import dead_leaves

__all__ = ["PAGES", "ROOT", "blocks", "commands", "lay_out", "named_files"]

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "README.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if "reference" not in p.parts),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code on a page."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)]


def commands(page: Path) -> list[str]:
    """Every `nas` command of a page, in its order, without comments."""
    found = []
    for block in blocks(page):
        if block.language in ("bash", "sh"):
            text = re.sub(r"\\\n\s*", "", block.text)
            found += [line.partition(" #")[0].strip() for line in text.splitlines()]
    return [line for line in found if line.startswith("nas ")]


def named_files(page: Path) -> Iterator[tuple[str, str]]:
    """Name and text of each block whose first line names its file."""
    for block in blocks(page):
        if named := re.match(r"# (\w+\.\w+)\n", block.text):
            yield named[1], block.text


def lay_out(desk: Path) -> None:
    """Puts on a desk what the pages take to be there: images, a network, a space."""
    folders = {
        "photos": 12,
        "holiday": 2,
        "data/DIV2K/DIV2K_train_HR": 10,
        "data/DIV2K/DIV2K_valid_HR": 2,
        "data/benchmark/Set5/HR": 2,
        "images/DIV2K/DIV2K_train_HR": 10,
        "images/DIV2K/DIV2K_valid_HR": 2,
        "images/benchmark/Set5/HR": 2,
    }
    images = dead_leaves(seed=5, count=sum(folders.values()), size=108)
    pictures = iter(np.asarray(images))
    for folder, count in folders.items():
        (desk / folder).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(next(pictures)).save(desk / folder / f"{number:04}.png")
    Image.fromarray(images[0]).save(desk / "photo.jpg")
    for name, text in named_files(ROOT / "README.md"):
        (desk / name).write_text(text, encoding="utf-8")
