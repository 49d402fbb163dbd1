"""`nas zoo`: published networks with their counts, figures and sources."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from nas.cli.networks import is_file, read_network
from nas.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from nas.zoo.check import Row

__all__ = ["app"]

app = typer.Typer(help="Published networks.", no_args_is_help=True)
AsJson = Annotated[bool, Option("--json", help="JSON on stdout.")]
Name = Annotated[str, Argument(help="Name in any case, or a file in the text form.")]


@app.command("list")
def list_networks(
    family: Annotated[str | None, Option(help="Only this family.")] = None,
    year: Annotated[int | None, Option(help="Only of this year.")] = None,
    confidence: Annotated[str | None, Option(help="Only exact, inferred or stand-in.")] = None,
    scale: Annotated[int | None, Option(help="Only of this enlargement.")] = None,
    form: Annotated[str | None, Option(help="Only with this train-time form.")] = None,
    max_parameters: Annotated[int | None, Option(help="Only up to this size.")] = None,
    sort: Annotated[
        str | None, Option(metavar="FIGURE", help="By a count or a published figure.")
    ] = None,
    descending: Annotated[bool, Option("--descending", help="Largest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Published networks, filtered and sorted."""
    from nas.zoo.facts import select, sorted_by

    chosen = select(
        family=family, year=year, confidence=confidence,
        scale=scale, form=form, max_parameters=max_parameters,
    )  # fmt: skip
    pairs = sorted_by(chosen, sort or "parameters", descending=descending)
    if sort is None and not descending:
        pairs = [(fact, None) for fact in chosen]  # in the order of the families
    if as_json:
        print_json([{k: v for k, v in fact.items() if k != "network"} for fact, _ in pairs])
        return
    columns = ["network", "family", "scale", "parameters", "GMACs"]
    extra = [sort] if sort and sort not in ("parameters", "macs") else []
    rows = [
        (
            *(fact["name"], fact["family"], f"{fact['scale']}", f"{fact['parameters']:,}"),
            f"{fact['macs'] / 1e9:.3f}",
            *([_number(value)] if extra else []),
            *(fact["confidence"], fact["source"]),
        )
        for fact, value in pairs
    ]
    print_table((*columns, *extra, "confidence", "source"), rows)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Counts at 640x360, published figures, source and text form of a network."""
    facts = _facts(name)
    if as_json:
        print_json(facts)
        return
    typer.echo(f"{facts['name']} ({facts['digest']})")
    for label, text in _described(facts):
        typer.echo(f"  {label:<20}  {text}")
    if facts["published"]:
        typer.echo("\npublished")
        for figure in facts["published"]:
            number = figure["printed"] or _number(figure["value"])
            doubt = f"; doubtful: {figure['doubt']}" if figure["doubt"] else ""
            typer.echo(f"  {figure['name']:<20}  {number:>8}  {figure['source']}{doubt}")
    typer.echo("")
    typer.echo(facts["network"])


@app.command()
def check(
    names: Annotated[list[str] | None, Argument(help="Networks; default: all.")] = None,
    tflite: Annotated[
        bool, Option("--tflite", help="Also make INT8 files and compare their sizes; slow.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Counts of each network against reference numbers; exit code 1 where one differs."""
    from nas.zoo.check import check_networks

    rows = check_networks(names or (), tflite=tflite)
    wrong = sum(bool(row.mismatches) for row in rows)
    if as_json:
        found = [
            {**asdict(row), "mismatches": row.mismatches, "size_ok": row.size_ok} for row in rows
        ]
        print_json({"rows": found, "networks": len(rows), "mismatches": wrong})
    else:
        _print_check(rows, with_sizes=tflite)
        mismatches = "1 mismatch" if wrong == 1 else f"{wrong} mismatches"
        typer.echo(f"{len(rows)} {'network' if len(rows) == 1 else 'networks'}, {mismatches}")
    if wrong:
        raise typer.Exit(1)


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


def _facts(name: str) -> dict[str, Any]:
    """Of the zoo, or of a file: only its counts, and its name where it is published."""
    from nas.zoo import zoo_entry, zoo_names_by_digest
    from nas.zoo.facts import counts_of, facts_of

    if not is_file(name):
        return facts_of(zoo_entry(name.removeprefix("zoo:")))
    graph = read_network(name)
    known = zoo_names_by_digest().get(graph.digest, "not published")
    unknown = dict.fromkeys(("team", "recipe", "reading_of", "confidence", "note"), "")
    return {
        "name": known,
        **counts_of(graph),
        "source": f"file {name}",
        **unknown,
        "year": 0,
        "readings": (),
        "forms": {},
        "published": [],
    }


def _described(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Lines of `show`: those that say something."""
    team = f"{facts['team']}, {facts['year']}" if facts["team"] else ""
    forms = (f"{form} ({count} convolutions)" for form, count in facts["forms"].items())
    lines = [
        ("trainable parameters", f"{facts['parameters']:,}"),
        ("fixed parameters", f"{facts['fixed_parameters']:,}"),
        ("MACs at 640x360", f"{facts['macs']:,} ({facts['macs'] / 1e9:.3f} G)"),
        ("peak memory", f"{facts['peak_memory_bytes']:,} bytes"),
        ("scale", f"{facts['scale']}"),
        ("team, year", team),
        ("source", facts["source"]),
        ("confidence", facts["confidence"]),
        ("note", facts["note"]),
        ("recipe", facts["recipe"]),
        ("train-time forms", ", ".join(forms)),
        ("reading of", facts["reading_of"]),
        ("other readings", ", ".join(facts["readings"])),
    ]
    return [(label, text) for label, text in lines if text]


def _print_check(rows: "list[Row]", *, with_sizes: bool) -> None:
    columns = ["network", "parameters", "reference", "printed", "GMACs", "reference"]
    table = [
        [
            row.name,
            f"{row.parameters:,}",
            f"{row.reference_parameters:,}",
            row.printed + (" (doubtful)" if row.doubt else ""),
            f"{row.macs / 1e9:.3f}",
            f"{row.reference_macs / 1e9:.3f}",
            *(_sizes(row) if with_sizes else []),
            ", ".join(row.mismatches) or "ok",
        ]
        for row in rows
    ]
    sizes = ["file KiB", "published KiB", "difference", "size"] if with_sizes else []
    print_table((*columns, *sizes, "mismatch"), table)
    compared = [row.size_ok for row in rows if row.size_ok is not None]
    if compared:
        typer.echo(f"{sum(compared)} of {len(compared)} files within 5 % or 3 KiB of the paper")


def _sizes(row: "Row") -> list[str]:
    away = ""
    if row.tflite_kib is not None and row.published_kib is not None:
        away = f"{row.tflite_kib - row.published_kib:+.1f}"
    made = "" if row.tflite_kib is None else f"{row.tflite_kib:.1f}"
    size = {True: "ok", False: "differs", None: ""}[row.size_ok]
    return [made, _number(row.published_kib), away, size]


def _number(value: float | None) -> str:
    """Without an exponent and without needless zeros."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.10g}"
