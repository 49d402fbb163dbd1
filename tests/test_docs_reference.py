"""The reference is what `docs/generate.py` writes of the code as it is."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "generate.py"

pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="docs are not part of this package")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_is_current(generate: ModuleType) -> None:
    expected = generate.pages()
    found = set(generate.REFERENCE.rglob("*.md"))
    old = [
        str(file.relative_to(ROOT))
        for file in sorted(found | set(expected))
        if file not in found
        or file not in expected
        or file.read_text(encoding="utf-8") != expected[file]
    ]
    assert not old, f"{', '.join(old)}: not what the code says now; run `make docs` and commit"


def test_command_has_its_arguments_and_options_with_defaults(generate: ModuleType) -> None:
    page = generate.cli_page()
    section = page.partition("\n## nas search\n")[2].partition("\n## ")[0]
    assert "\n```text\nnas search [OPTIONS]\n```\n" in section
    assert "\n| `--budget <int>` | Distinct networks to evaluate. | 200 |\n" in section
    assert "\n### nas latency predict\n" in page
    assert " 1\\|255`" in page  # a bar would end the cell


def test_packages_have_every_public_name(generate: ModuleType) -> None:
    import nas.graph

    page = generate.package_page("graph")
    for name in nas.graph.__all__:
        assert f"\n### {name}\n" in page
    assert "\n## nas.graph.rewrites.prune\n" in page
    assert "_Written\n" not in page  # a heading of what is private


DOCSTRING = '''
NAMES = {"a": 1}
"""By name."""

@dataclass(frozen=True)
class Box:
    """A <box> of `a*b`.

    Args:
        size: In pixels,
            of one side.
    """

    size: int = 1
    _secret: int = 2

    @property
    def area(self) -> int:
        """Pixels."""
        return self.size**2

    def _hidden(self) -> None: ...

def put(box: Box, where: str = "here", *more: Box, again_and_again: bool = True, **r: str) -> Box:
    """Puts it.

    Returns:
        The box.

    Raises:
        ValueError: No room.

    Example:
        >>> put(Box())
    """
'''
EXPECTED = """\
## m

### NAMES

```python
NAMES = {"a": 1}
```

By name.

### Box

```python
@dataclass(frozen=True)
class Box:
    size: int = 1
    @property
    def area(self) -> int: ...
```

A \\<box> of `a*b`.

Arguments:

- `size`: In pixels,
  of one side.

#### Box.area

Pixels.

### put

```python
def put(
    box: Box,
    where: str = "here",
    *more: Box,
    again_and_again: bool = True,
    **r: str,
) -> Box: ...
```

Puts it.

Returns: The box.

Raises:

- `ValueError`: No room.

Example:

```python
>>> put(Box())
```
"""


def test_definitions_become_signatures_and_markdown(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    file = tmp_path / "m.py"
    file.write_text(f'__all__ = ["NAMES", "Box", "put"]\n{DOCSTRING}', encoding="utf-8")
    assert generate.module_page(file) == EXPECTED
