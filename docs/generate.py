"""Writes docs/reference: every command from the command line itself, and the Python interface.

The Python pages are read from syntax trees, so nothing heavy is imported and annotations stand as
they were written.
"""

import ast
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
PACKAGES = (  # in the order of the imports; what only a command needs is left out
    *("errors", "graph", "space", "readers", "data", "quantize", "train"),
    *("latency", "zoo", "evaluate", "export"),
)
NOTE = "<!-- Made by `make docs`; change the code instead. -->\n"
_WIDTH = 88  # columns of a code block
_SECTIONS = ("Args:", "Returns:", "Yields:", "Raises:", "Source:", "Example:")


def pages() -> dict[Path, str]:
    """The text of each file of the reference."""
    found = {REFERENCE / "cli.md": cli_page(), REFERENCE / "api.md": index_page()}
    return found | {REFERENCE / "api" / f"{name}.md": package_page(name) for name in PACKAGES}


# --- the command line


def cli_page() -> str:
    import typer.main

    from nas.cli.main import app

    intro = (
        "# Commands\n\n"
        "`-h` or `--help` behind any command shows what stands here. Results go to stdout, "
        "progress and messages to stderr. The exit code is 0, 1 where a check found something, 2 "
        "where something was wrong with what you gave, 130 after Ctrl-C and 143 after SIGTERM.\n"
    )
    return _joined([NOTE, intro, *_commands(typer.main.get_command(app), "nas", None)])


def _commands(command: Any, name: str, parent: Any) -> Iterator[str]:
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    if parent is not None:
        yield from _command(command, context)
    for child, one in getattr(command, "commands", {}).items():
        yield from _commands(one, child, context)


def _command(command: Any, context: Any) -> Iterator[str]:
    level = "##" if context.parent.parent is None else "###"
    yield f"{level} {context.command_path}\n\n{_escaped(command.help)}\n"
    if hasattr(command, "commands"):
        return
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n"
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    rows = [_row(*record) for record in records if record and record[0] != "--help"]
    if rows:
        yield "\n".join(["| | what | default |", "| --- | --- | --- |", *rows]) + "\n"


def _row(name: str, text: str) -> str:
    """Of a table: what is typed, what it means, and its default or that it must be given."""
    what, _, rest = text.partition("  [")
    default = rest.removesuffix("]").replace("default: ", "")
    cells = (f"`{name.replace(' range>', '>')}`", _escaped(what.strip()), default)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


# --- the Python interface


def index_page() -> str:
    lines = [NOTE, "# Python interface\n", "| package | what |", "| --- | --- |"]
    for name in PACKAGES:
        about = (ast.get_docstring(_tree(_top(name))) or "").partition("\n")[0]
        lines.append(f"| [nas.{name}](api/{name}.md) | {_escaped(about)} |")
    return "\n".join(lines) + "\n"


def package_page(name: str) -> str:
    top = _top(name)
    parts = [NOTE, f"# nas.{name}\n", _markdown(ast.get_docstring(_tree(top)) or "")]
    gathered = [one for one in _public(_tree(top)) if one not in _definitions(_tree(top))]
    if gathered:
        names = ", ".join(f"`{one}`" for one in gathered)
        parts.append(f"`nas.{name}` itself has {names}, which are described below.\n")
    files = sorted(top.parent.rglob("*.py")) if top.name == "__init__.py" else [top]
    for file in files:
        parts.append(module_page(file, is_top=file == top))
    return _joined(parts)


def module_page(file: Path, *, is_top: bool = False) -> str:
    """What is public in one file; of the top of a package without its title."""
    tree = _tree(file)
    definitions = _definitions(tree)
    names = [name for name in _public(tree) if name in definitions]
    parts = []
    if names and not is_top:
        dotted = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        parts.append(f"## {dotted.removesuffix('.__init__')}\n")
        parts.append(_markdown(ast.get_docstring(tree) or ""))
    for name in names:
        node = definitions[name]
        parts.append(f"### {name}\n\n```python\n{_stub(node)}\n```\n")
        parts.append(_markdown(_docs(node, tree)))
        if isinstance(node, ast.ClassDef):
            parts.extend(_methods(node))
    return _joined(parts)


def _methods(class_: ast.ClassDef) -> Iterator[str]:
    for node in class_.body:
        if not isinstance(node, ast.FunctionDef) or not _is_public(node.name):
            continue
        if text := ast.get_docstring(node):
            yield f"#### {class_.name}.{_escaped(node.name)}\n\n{_markdown(text)}"


def _top(name: str) -> Path:
    folder = ROOT / "nas" / name
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _public(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = node
    return found


def _docs(node: ast.stmt, tree: ast.Module) -> str:
    """The docstring of a definition; of a constant, the string right below it."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return ast.get_docstring(node) or ""
    below = tree.body[tree.body.index(node) + 1 :][:1]
    for after in below:
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return re.sub(r"\n +", "\n", str(after.value.value))
    return ""


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in ("__init__", "__call__")


# --- signatures


def _stub(node: ast.stmt) -> str:
    """A definition without what it does."""
    if isinstance(node, ast.FunctionDef):
        return _function(node)
    if isinstance(node, ast.ClassDef):
        return _class(node)
    text = _code(node)
    if len(text) <= _WIDTH:
        return text
    if isinstance(node, ast.AnnAssign):
        return f"{_code(node.target)}: {_code(node.annotation)}"
    return f"{text.partition(' = ')[0]} = ..."


def _class(node: ast.ClassDef) -> str:
    lines = [f"@{_code(decorator)}" for decorator in node.decorator_list]
    bases = ", ".join(map(_code, node.bases))
    lines.append(f"class {node.name}({bases}):" if bases else f"class {node.name}:")
    for member in node.body:
        if isinstance(member, ast.AnnAssign) and _is_public(_code(member.target)):
            lines.append(f"    {_code(member)}")
        elif isinstance(member, ast.FunctionDef) and _is_public(member.name):
            stub = "\n".join([*_decorators(member), _function(member)])
            lines.extend(f"    {line}" for line in stub.splitlines())
    if lines[-1].startswith("class "):
        lines[-1] += " ..."
    return "\n".join(lines)


def _decorators(node: ast.FunctionDef) -> list[str]:
    return [f"@{_code(decorator)}" for decorator in node.decorator_list]


def _function(node: ast.FunctionDef) -> str:
    returns = f" -> {_code(node.returns)}" if node.returns else ""
    arguments = list(_arguments(node.args))
    line = f"def {node.name}({', '.join(arguments)}){returns}: ..."
    if len(line) <= _WIDTH:
        return line
    lines = "".join(f"    {argument},\n" for argument in arguments)
    return f"def {node.name}(\n{lines}){returns}: ..."


def _arguments(args: ast.arguments) -> Iterator[str]:
    defaults = [None] * (len(args.args) - len(args.defaults)) + list(args.defaults)
    for argument, default in zip(args.args, defaults, strict=True):
        yield _argument(argument, default)
    if args.vararg:
        yield f"*{_code(args.vararg)}"
    elif args.kwonlyargs:
        yield "*"
    for argument, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield _argument(argument, default)
    if args.kwarg:
        yield f"**{_code(args.kwarg)}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = _code(argument)
    return text if default is None else f"{text} = {_code(default)}"


def _code(node: ast.AST) -> str:
    return re.sub(r"'([^'\"\\]*)'", r'"\1"', ast.unparse(node))


# --- docstrings


def _markdown(docstring: str) -> str:
    """A docstring of Google's convention as Markdown; ends in an empty line unless it is empty."""
    if not docstring:
        return ""
    lines = docstring.splitlines()
    begins = [place for place, line in enumerate(lines) if line in _SECTIONS] + [len(lines)]
    free = lines[: begins[0]]
    parts = ["\n".join(line if line.startswith("    ") else _escaped(line) for line in free)]
    for begin, end in pairwise(begins):
        body = textwrap.dedent("\n".join(lines[begin + 1 : end])).strip()
        parts.append(_section(lines[begin].removesuffix(":"), body))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _section(title: str, body: str) -> str:
    if title == "Example":
        return f"Example:\n\n```python\n{body}\n```"
    if title in ("Args", "Raises"):
        items = re.sub(r"^(\*{0,2}[\w, ]+): ", r"- `\1`: ", _escaped(body), flags=re.MULTILINE)
        heading = "Arguments" if title == "Args" else title
        return f"{heading}:\n\n" + re.sub(r"^    ", "  ", items, flags=re.MULTILINE)
    return f"{title}: {_escaped(body)}"


def _escaped(text: str) -> str:
    """Text in which only `code` means something to Markdown."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"[<*]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", part)
        for part in parts
    )


def _joined(parts: Iterable[str]) -> str:
    """One empty line between paragraphs."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def main() -> None:
    """Replaces all files of the reference."""
    found = pages()
    if REFERENCE.exists():
        shutil.rmtree(REFERENCE)
    for file, text in found.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
