"""Spaces by name or path, and what is said of a wrong one."""

import sys
from pathlib import Path

import pytest

from nas.errors import SpaceError
from nas.space import load_space, space_names

HEAD = "from nas.graph import *\nfrom nas.space import Choice, Space\n"


def test_brought_spaces_load_under_their_name() -> None:
    assert "hxnet" in space_names()
    for name in space_names():
        assert load_space(name).name == name


def test_users_file_loads_by_path_and_leaves_no_bytecode(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        HEAD + "def build(pick, scale):\n"
        "    g = GraphBuilder()\n"
        "    return g.graph(g.chain(g.input, Conv2d(3 * scale**2), DepthToSpace(scale)))\n"
        "space = Space('mine', (Choice('width', (4, 8)),), build)\n"
    )
    before = sys.dont_write_bytecode
    space = load_space(str(file))
    assert (space.name, space.size(), space.graph({"width": 4}).scale) == ("mine", 2, 3)
    assert sys.dont_write_bytecode == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SpaceError) as caught:
        load_space("hxnot")
    known = ", ".join(space_names())
    assert str(caught.value) == (
        f"there is no space 'hxnot' (known: {known}; or give the path of a .py file)"
    )


def test_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.py"
    with pytest.raises(SpaceError) as caught:
        load_space(str(path))
    assert str(caught.value) == f"there is no file {path} (give the path of a space file)"


WRONG = [  # what the file holds, what is said behind its path
    ("x = 1\nspace = Space(\n", ", line 2: '(' was never closed (mend the file)"),
    ("\n\nraise KeyError('width')\n", ", line 3: KeyError: 'width' (mend the file)"),
    (
        "\ndef half(x):\n    return x / 0\n\nhalf(1)\n",
        ", line 3: ZeroDivisionError: division by zero (mend the file)",
    ),
    (
        "import no_such_module\n",
        ", line 1: ModuleNotFoundError: No module named 'no_such_module' (mend the file)",
    ),
    ("import sys\nsys.exit(3)\n", ", line 2: SystemExit: 3 (mend the file)"),
    ("", " defines no 'space' (end it with space = Space(...))"),
    ("space = 'hxnet'\n", " defines no 'space' (end it with space = Space(...))"),
]


@pytest.mark.parametrize(
    ("content", "message"),
    WRONG,
    ids=["syntax", "raises", "deep", "import", "exit", "empty", "text"],
)
def test_wrong_file_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(content)
    with pytest.raises(SpaceError) as caught:
        load_space(str(path))
    assert str(caught.value) == f"{path}{message}"


def test_line_is_found_where_the_path_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpaceError) as caught:
        load_space("mine.py")
    assert str(caught.value) == (
        "mine.py, line 2: ZeroDivisionError: division by zero (mend the file)"
    )


def test_duplicate_choice_in_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "twice.py"
    path.write_text(HEAD + "space = Space('two', (Choice('a', (1,)), Choice('a', (2,))), None)\n")
    with pytest.raises(SpaceError) as caught:
        load_space(str(path))
    assert str(caught.value) == (
        "space 'two', choice 'a' is there twice (give each choice its own name)"
    )
