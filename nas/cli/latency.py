"""`nas latency`: devices, predictions, refits."""

import json
from typing import Annotated

import typer

from nas.cli.networks import read_network

__all__ = ["app"]

app = typer.Typer(help="Milliseconds on a device, and how far to trust them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@app.command("devices")
def devices(as_json: Json = False) -> None:
    """Devices with a latency model, and how their models were made."""
    from nas.latency.devices import device_names, load_device

    found = []
    for name in device_names():
        device = load_device(name)
        found.append(
            {
                "name": name,
                "description": device.description,
                "processor": device.processor,
                "conditions": device.conditions,
                "precision": device.precision,
                "input": f"{device.width}x{device.height}",
                "rows": device.model.metadata["rows"],
                "distinct_graphs": device.model.metadata["distinct_graphs"],
                "card": str(device.folder / "card.md"),
            }
        )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for entry in found:
        typer.echo(f"{entry['name']}: {entry['description']}")
        typer.echo(f"  {entry['processor']}; {entry['precision']}, input {entry['input']}")
        typer.echo(f"  {entry['conditions']}")
        typer.echo(f"  {entry['rows']} rows of {entry['distinct_graphs']} graphs: {entry['card']}")


@app.command("predict")
def predict(
    network: Annotated[str, typer.Argument(help="zoo:NAME, NAME, or a file in the text form.")],
    device: Annotated[
        str, typer.Option(help="A name out of `nas latency devices`.")
    ] = "synaptics-vs680",
    as_json: Json = False,
) -> None:
    """Time of one inference, with its 90 % interval."""
    from dataclasses import asdict

    from nas.latency.devices import load_device

    found = load_device(device).model.predict(read_network(network))
    if as_json:
        values = {key: round(value, 3) for key, value in asdict(found).items()}
        typer.echo(json.dumps({"network": network, "device": device, **values}))
        return
    typer.echo(
        f"{found.latency_ms:.1f} ms on {device} (90 % interval {found.low_ms:.1f} to "
        f"{found.high_ms:.1f} ms)"
    )


@app.command("fit")
def fit(
    device: Annotated[str, typer.Argument(help="A name out of `nas latency devices`.")],
) -> None:
    """Refits a model to its measurements.csv; writes model.json and card.md."""
    from nas.errors import DeviceError
    from nas.latency.card import write_card
    from nas.latency.devices import load_device
    from nas.latency.fit import fit_device
    from nas.latency.records import load_records
    from nas.zoo import zoo_entry

    target = load_device(device)
    records = load_records(target.measurements, lambda name: zoo_entry(name).build())
    typer.echo(f"fitting {device}: a few seconds", err=True)
    found = fit_device(target, records)
    for name, text in (
        ("model.json", found.model.to_json()),
        ("card.md", write_card(target, found, records)),
    ):
        try:
            (target.folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise DeviceError(f"cannot write {target.folder / name}: {error}") from None
        typer.echo(f"wrote {target.folder / name}", err=True)
    for predictor, accuracy in found.accuracies.items():
        typer.echo(
            f"{predictor}: MAPE {accuracy.mape:.1f} %, within 10 % {accuracy.within_10:.0f} %, "
            f"Spearman {accuracy.spearman:.2f}, Kendall {accuracy.kendall:.2f}"
        )
    typer.echo(f"90 % interval holds {found.coverage:.0f} % of unseen rows")
