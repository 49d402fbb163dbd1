"""`nas latency`: devices, predictions, and how good they are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli import measuring
from nas.cli.accuracy import make_and_show
from nas.cli.named import named_networks
from nas.cli.tables import print_json, print_table

if TYPE_CHECKING:  # importing them takes numpy
    from nas.graph import Graph
    from nas.latency.devices import Device
    from nas.latency.model import Prediction
    from nas.latency.models import AnyLatencyModel

__all__ = ["app"]

app = typer.Typer(help="Milliseconds on a device, and how far to trust them.", no_args_is_help=True)
app.command("measure")(measuring.measure)
app.command("calibrate")(measuring.calibrate)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
_BAR = 20  # characters of the longest bar
_FAR = 1.5  # times that an interval is wider than usual, from which on it is said


@app.command("devices")
def devices(as_json: Json = False) -> None:
    """Devices, the rows they have, and how good their models are."""
    from nas.latency.devices import device_names, load_device

    found = [_facts(load_device(name)) for name in device_names()]
    if as_json:
        print_json(found)
        return
    for facts in found:
        typer.echo(f"{facts['name']}: {facts['description']}")
        typer.echo(f"  {facts['processor']}; {facts['precision']}, input {facts['input']}")
        typer.echo(f"  {_rows_in_words(facts)}")
        if facts["unseen"]:
            typer.echo(f"  {_accuracy_in_words(facts)}")
        if facts["card"]:
            typer.echo(f"  {facts['card']}")


def _facts(device: "Device") -> dict[str, Any]:
    metadata = device.model.metadata if device.has_model else {}
    card = device.folder / "card.md"
    return {
        "name": device.name,
        "description": device.description,
        "processor": device.processor,
        "conditions": device.conditions,
        "precision": device.precision,
        "input": f"{device.width}x{device.height}",
        "backend": device.backend or None,
        "parent": device.parent or None,
        "rows": _count_rows(device.measurements),
        "fitted_graphs": metadata.get("distinct_graphs", 0),
        "unseen": metadata.get("unseen"),
        "intervals": metadata.get("intervals"),
        "card": str(card) if card.is_file() else None,
    }


def _count_rows(path: Path) -> int:
    import csv

    if not path.is_file():
        return 0
    with path.open(newline="", encoding="utf-8") as lines:
        return max(sum(1 for cells in csv.reader(lines) if cells) - 1, 0)


def _rows_in_words(facts: dict[str, Any]) -> str:
    by = f"measured by {facts['backend']}" if facts["backend"] else "published or typed in"
    if not facts["rows"]:
        return f"no rows yet: `nas latency calibrate --device {facts['name']}` measures some"
    if not facts["fitted_graphs"]:
        return f"{facts['rows']} rows, {by}: shown, not modelled"
    leans = f", leaning on {facts['parent']}" if facts["parent"] else ""
    return f"{facts['rows']} rows, {by}; a model of {facts['fitted_graphs']} graphs{leans}"


def _accuracy_in_words(facts: dict[str, Any]) -> str:
    unseen = facts["unseen"]
    return (
        f"graphs that it has not seen: mean error {unseen['mape']:.1f} %, "
        f"{unseen['within_10']:.0f} % within 10 %, Spearman {unseen['spearman']:.2f}"
    )


@app.command("predict")
def predict(
    name: Annotated[
        str, typer.Argument(metavar="NETWORK", help="zoo:NAME, NAME, a file, or RUN#TRIAL.")
    ] = "",
    network: Annotated[str, typer.Option(help="The same as an option.")] = "",
    device: Annotated[
        str, typer.Option(help="A name out of `nas latency devices`.")
    ] = "synaptics-vs680",
    breakdown: Annotated[
        bool, typer.Option("--breakdown", help="Also the time of each op.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Time of one inference, with its 80 % interval."""
    from nas.latency.devices import load_device

    ((name, graph),) = named_networks([n for n in (name, network) if n], most=1)
    model = load_device(device).model
    found = model.predict(graph)
    if as_json:
        shares = {"breakdown": _shares(model, graph)} if breakdown else {}
        print_json({"network": name, "device": device, **_prediction_json(found), **shares})
        return
    typer.echo(_prediction_in_words(found, device))
    if breakdown:
        _show_shares(_shares(model, graph))


def _prediction_json(found: "Prediction") -> dict[str, float]:
    from dataclasses import asdict

    from nas.latency.model import LEVEL

    return {"level": LEVEL, **{key: round(value, 3) for key, value in asdict(found).items()}}


def _prediction_in_words(found: "Prediction", device: str) -> str:
    from nas.latency.model import PER_CENT

    far = ""
    if found.novelty > _FAR:
        far = (
            "\nfar from measured networks, or of ops that few of them have: "
            f"the interval is {found.novelty:.1f} times as wide"
        )
    return (
        f"{found.latency_ms:.1f} ms on {device} ({PER_CENT} interval "
        f"{found.low_ms:.1f} to {found.high_ms:.1f} ms){far}"
    )


def _shares(model: "AnyLatencyModel", graph: "Graph") -> list[dict[str, Any]]:
    from nas.graph import op_text

    shares = model.breakdown(graph)
    total = sum(share.latency_ms for share in shares)
    return [
        {
            "node": share.position,
            "op": op_text(graph.nodes[share.position].op) if share.position else "any inference",
            "kind": share.kind,
            "latency_ms": round(share.latency_ms, 4),
            "share": round(share.latency_ms / total, 4),
        }
        for share in shares
    ]


def _show_shares(shares: list[dict[str, Any]]) -> None:
    most = max(share["share"] for share in shares)
    rows = (
        (
            share["node"],
            share["op"],
            f"{share['latency_ms']:.2f}",
            f"{100 * share['share']:.0f}",
            "█" * round(_BAR * share["share"] / most),
        )
        for share in shares
    )
    print_table(("node", "op", "ms", "%", ""), rows)


@app.command("validate")
def validate(
    device: Annotated[str, typer.Argument(help="A name out of `nas latency devices`.")],
    as_json: Json = False,
) -> None:
    """Fit a device's model to its rows and test it; writes model.json and card.md."""
    typer.echo(f"fitting {device}, and again without each network: a minute at most", err=True)
    make_and_show(device, as_json=as_json)
