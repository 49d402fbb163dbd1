"""The direction of imports and other promises of the layout, read from syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (  # a package may import its own layer and those above it in this list
    {"errors", "share"},
    {"graph"},
    {"space", "readers"},
    {"data", "train", "quantize", "latency"},
    {"search", "export", "zoo", "evaluate"},
    {"report"},
    {"cli"},
)
LAYER_OF = {room: place for place, rooms in enumerate(LAYERS) for room in rooms}
HEAVY = {
    *("ai_edge_litert", "keras", "networkx", "numpy", "optuna", "optuna_dashboard", "pandas"),
    *("PIL", "dask", "distributed", "plotly", "scipy", "skimage", "tensorflow", "torch"),
}
LIGHT_IN_INITS = {"networkx", "numpy", "PIL"}  # a package may need these; the CLI may not

PACKAGE = sorted((ROOT / "nas").rglob("*.py"))
SPACES = sorted((ROOT / "search_spaces").glob("*.py"))
EVERY = [*PACKAGE, *SPACES]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


each_file = pytest.mark.parametrize("path", EVERY, ids=short)
each_module = pytest.mark.parametrize("path", PACKAGE, ids=short)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), short(path))


def imports_of(path: Path, *, top_only: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import; `from a import b` gives `a.b`."""
    for node in at_import(tree_of(path)) if top_only else ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported: no function bodies, nothing for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import(child)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "nas").parts[0].removesuffix(".py")


def test_every_room_has_a_layer() -> None:
    assert {room_of(path) for path in PACKAGE} - {"__init__"} <= set(LAYER_OF)


@each_module
def test_imports_point_one_way(path: Path) -> None:
    if room_of(path) == "__init__":
        assert [name for _, name in imports_of(path)] in ([], ["os"])
        return
    for line, name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "nas" and len(parts) > 1 and parts[1] in LAYER_OF:
            assert LAYER_OF[parts[1]] <= LAYER_OF[room_of(path)], (
                f"{short(path)}:{line}: {room_of(path)} may not import {name}"
            )


def test_rooms_do_not_import_each_other_in_a_circle() -> None:
    reads = nx.DiGraph()
    for path in PACKAGE:
        for _, name in imports_of(path):
            parts = name.split(".")
            if parts[0] == "nas" and parts[1] in LAYER_OF and parts[1] != room_of(path):
                reads.add_edge(room_of(path), parts[1])
    assert list(nx.simple_cycles(reads)) == []


@pytest.mark.parametrize("path", SPACES, ids=short)
def test_search_space_imports_graph_and_space_only(path: Path) -> None:
    for line, name in imports_of(path):
        assert name.startswith(("nas.graph.", "nas.space.")), f"{short(path)}:{line}: {name}"


@pytest.mark.parametrize(
    "path",
    [p for p in PACKAGE if p.name == "__init__.py" or room_of(p) == "cli"],
    ids=short,
)
def test_heavy_libraries_are_not_at_the_top_of_a_package_or_the_cli(path: Path) -> None:
    heavy = HEAVY if room_of(path) == "cli" else HEAVY - LIGHT_IN_INITS
    for line, name in imports_of(path, top_only=True):
        assert name.partition(".")[0] not in heavy, f"{short(path)}:{line}: {name}"


@each_file
def test_imports_are_absolute(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{short(path)}:{node.lineno}"


@each_file
def test_nothing_unpickles(path: Path) -> None:
    for line, name in imports_of(path):
        assert name.partition(".")[0] not in {
            "pickle",
            "cloudpickle",
            "dill",
            "joblib",
            "shelve",
        }, f"{short(path)}:{line}: {name}"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            called = ast.unparse(node)
            assert called not in {"torch.load", "torch.save"}, f"{short(path)}:{node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False", f"{short(path)}:{node.lineno}"


@each_file
def test_module_says_what_it_is(path: Path) -> None:
    if path.name == "__init__.py" and not path.read_text().strip():
        return  # an empty __init__ is a folder, not a module
    text = ast.get_docstring(tree_of(path))
    assert text, f"{short(path)} has no docstring"


@each_module
def test_public_names_are_listed_sorted_and_there(path: Path) -> None:
    public = next(
        (
            ast.literal_eval(node.value)
            for node in tree_of(path).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ),
        None,
    )
    defined = set(defined_names(tree_of(path)))
    if public is None:
        assert path.name == "__init__.py", f"{short(path)} has no __all__"
        return
    assert public == sorted(public, key=isort_key)
    assert len(public) == len(set(public))
    assert set(public) <= defined, f"{short(path)}: {set(public) - defined} is not there"


def isort_key(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions: the order that ruff (RUF022) keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def defined_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (name.id for name in node.targets if isinstance(name, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
