"""`nas space`: which search spaces there are, and what they contain."""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from nas.cli.tables import print_json, print_table

__all__ = ["app"]

app = typer.Typer(help="Search spaces.", no_args_is_help=True)
AsJson = Annotated[bool, Option("--json", help="JSON on stdout.")]


@app.command("list")
def list_spaces(as_json: AsJson = False) -> None:
    """All spaces that came with nas."""
    from nas.space import load_space, space_names

    spaces = [load_space(name) for name in space_names()]
    if as_json:
        print_json([{"name": s.name, "size": s.size(), "about": s.about} for s in spaces])
        return
    rows = [(s.name, f"{s.size():,}", ", ".join(map(str, s.scales)), s.about) for s in spaces]
    print_table(("space", "picks", "scales", "about"), rows)


@app.command()
def show(
    name: Annotated[str, Argument(help="Name or file of a space.")],
    scale: Annotated[
        int | None, Option(help="Count distinct networks at this scale; 3 where it has that.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choices, options, conditions and size of a space."""
    from nas.space import load_space

    space = load_space(name)
    if scale is None:
        scale = 3 if 3 in space.scales else space.scales[0]
    distinct = space.count_distinct(scale)
    if as_json:
        print_json(_as_json(space) | {"distinct": distinct, "distinct_at_scale": scale})
        return
    typer.echo(f"{space.name}: {space.about}")
    typer.echo(f"{_networks(space.size(), distinct)} at scale {scale}")
    typer.echo(f"Scales: {', '.join(map(str, space.scales))}")
    rows = [(c.name, _options(c.options), _conditions(c), c.about) for c in space.choices]
    print_table(("choice", "options", "only where", "about"), rows)
    if space.known:
        typer.echo(f"Known networks: {', '.join(space.known)}")


def _networks(size: int, distinct: int | None) -> str:
    if distinct is None:
        return f"at most {size:,} distinct networks"
    return f"{distinct:,} distinct networks" + (f" of {size:,} picks" if distinct < size else "")


def _as_json(space: Any) -> dict[str, Any]:
    return {
        "name": space.name,
        "about": space.about,
        "size": space.size(),
        "scales": list(space.scales),
        "choices": [
            {
                "name": choice.name,
                "options": list(choice.options),
                "when": {name: list(options) for name, options in choice.when.items()},
                "about": choice.about,
            }
            for choice in space.choices
        ],
        "known": {name: dict(pick) for name, pick in space.known.items()},
    }


def _options(options: tuple[object, ...]) -> str:
    return ", ".join(map(str, options))


def _conditions(choice: Any) -> str:
    return "; ".join(f"{name} in {_options(options)}" for name, options in choice.when.items())
