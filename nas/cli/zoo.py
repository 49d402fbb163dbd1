"""`nas zoo`: published networks with their counts and sources."""

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer
from typer import Argument, Option

from nas.cli.networks import is_file, read_network
from nas.cli.tables import print_json, print_table

__all__ = ["app"]

app = typer.Typer(help="Published networks.", no_args_is_help=True)
AsJson = Annotated[bool, Option("--json", help="JSON on stdout.")]
Name = Annotated[str, Argument(help="Name in any case, or a file in the text form.")]


@app.command("list")
def list_networks(as_json: AsJson = False) -> None:
    """All published networks."""
    from nas.zoo import ENTRIES

    facts = [_facts(entry) for entry in ENTRIES.values()]
    if as_json:
        print_json([{k: v for k, v in fact.items() if k != "network"} for fact in facts])
        return
    rows = [
        (f["name"], f"{f['parameters']:,}", f"{f['macs'] / 1e9:.3f}", f["confidence"], f["source"])
        for f in facts
    ]
    print_table(("network", "parameters", "GMACs", "confidence", "source"), rows)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Counts at 640x360, source and text form of a network."""
    facts = _facts(_entry(name))
    if as_json:
        print_json(facts)
        return
    typer.echo(f"{facts['name']} ({facts['digest']})")
    typer.echo(f"  trainable parameters  {facts['parameters']:,}")
    typer.echo(f"  fixed parameters      {facts['fixed_parameters']:,}")
    typer.echo(f"  MACs at 640x360       {facts['macs']:,} ({facts['macs'] / 1e9:.3f} G)")
    typer.echo(f"  source                {facts['source']}")
    note = f": {facts['note']}" if facts["note"] else ""
    if facts["confidence"]:
        typer.echo(f"  confidence            {facts['confidence']}{note}")
    typer.echo("")
    typer.echo(facts["network"])


@app.command()
def draw(
    name: Name,
    out: Annotated[Path | None, Option(help="SVG file; default: stdout.")] = None,
) -> None:
    """A picture of a network, as SVG."""
    from nas.errors import UsageError
    from nas.readers.draw import draw_svg
    from nas.search.folder import write_text

    svg = draw_svg(read_network(name))
    if out is None:
        typer.echo(svg)
        return
    try:
        write_text(out, svg)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {error.strerror}", "give another --out"
        ) from error
    typer.echo(f"wrote {out}", err=True)


def _entry(name: str) -> Any:
    """Of the zoo, or one without a confidence for a file."""
    from nas.zoo import zoo_entry, zoo_names_by_digest

    if not is_file(name):
        return zoo_entry(name.removeprefix("zoo:"))
    graph = read_network(name)
    known = zoo_names_by_digest().get(graph.digest, "not published")
    return SimpleNamespace(
        name=known, build=lambda: graph, source=f"file {name}", confidence="", note=""
    )


def _facts(entry: Any) -> dict[str, Any]:
    from nas.graph import to_text
    from nas.readers.cost import read_cost

    graph = entry.build()
    cost = read_cost(graph, 360, 640)
    return {
        "name": entry.name,
        "digest": graph.digest,
        "parameters": cost.parameters,
        "fixed_parameters": cost.fixed_parameters,
        "macs": cost.macs,
        "peak_memory_bytes": cost.peak_memory_bytes,
        "source": entry.source,
        "confidence": entry.confidence,
        "note": entry.note,
        "network": to_text(graph),
    }
