"""The digest of the code covers the code that decides."""

from pathlib import Path

import pytest

from nas.search import source
from nas.search.source import _ROOT, DECIDING, source_digest
from tests.test_architecture import imports_of

_DECIDE_NOTHING = {  # no error is ever kept; the others carry and keep results
    *("errors.py", "search/__init__.py", "search/tasks.py"),
    *("search/evaluation_cache.py", "search/source.py"),
}


def files_of(name: str) -> list[Path]:
    """Files that importing a dotted name may read: of the module, or of the folders above it."""
    parts = name.split(".")[1:] if name.startswith("nas.") else []
    paths = [_ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    tried = [file for path in paths for file in (path.with_suffix(".py"), path / "__init__.py")]
    return [file for file in tried if file.is_file()]


def test_it_covers_all_that_an_evaluation_imports() -> None:
    found, left = set(), [_ROOT / "search" / "evaluation.py"]
    while left:
        file = left.pop()
        short = file.relative_to(_ROOT).as_posix()
        if file in found or short in _DECIDE_NOTHING:
            continue
        found.add(file)
        left += [more for _, name in imports_of(file) for more in files_of(name)]
    covered = [_ROOT / part for part in DECIDING]
    assert len(found) > 60
    assert [
        file for file in sorted(found) if not any(file.is_relative_to(part) for part in covered)
    ] == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package of which a folder and a file decide."""
    for name in ("train/a.py", "train/b.py", "search/effort.py", "search/loop.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"# {name}\n")
    monkeypatch.setattr(source, "_ROOT", tmp_path)
    monkeypatch.setattr(source, "DECIDING", ("train", "search/effort.py"))
    return tmp_path


def test_a_change_of_what_decides_is_another_digest(package: Path) -> None:
    digest = source_digest.__wrapped__
    seen = {digest()}
    (package / "train/a.py").write_text("# b.py\n")
    seen.add(digest())
    (package / "train/a.py").rename(package / "train/c.py")
    seen.add(digest())
    (package / "search/effort.py").write_text("RUNGS = ()\n")
    seen.add(digest())
    assert len(seen) == 4
    (package / "search/loop.py").write_text("pass\n")
    assert digest() in seen, "the loop decides nothing"
