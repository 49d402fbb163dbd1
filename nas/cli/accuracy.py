"""How good a latency model is, as a person and as a script read it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from nas.cli.named import published
from nas.cli.tables import print_json, print_table

if TYPE_CHECKING:  # importing them takes scipy
    from nas.latency.accuracy import Accuracy
    from nas.latency.devices import Device
    from nas.latency.fresh import Fresh
    from nas.latency.records import Record
    from nas.latency.validate import Validation

__all__ = ["make_and_show"]


def make_and_show(device: str, *, as_json: bool) -> None:
    """Fits a device's model to its rows, tests it, writes its files and prints how good it is."""
    from nas.latency.devices import load_device
    from nas.latency.making import make_model
    from nas.latency.records import load_records

    found = make_model(load_device(device), published)
    target = load_device(device)  # it may be a copy by now
    records = load_records(target, published)
    if as_json:
        print_json(_validation_json(target, found, records))
    else:
        _show_validation(target, found, records)
    written = "model.json and card.md" if found else "card.md"
    typer.echo(f"wrote {written} of {target.folder}", err=True)


def _validation_json(
    device: "Device", found: "Validation | None", records: Sequence["Record"]
) -> dict[str, Any]:
    """Every figure; without a validation, that of a device that is shown, not modelled."""
    from dataclasses import asdict

    from nas.latency.fresh import judge
    from nas.latency.model import LEVEL
    from nas.latency.records import median_noise

    if not found:
        nothing = dict.fromkeys(("intervals", "form", "fresh"))
        return {"device": device.name, "n": 0, "predictors": {}, **nothing, "noise": None}
    fresh = judge(found.model, records)
    return {
        "device": device.name,
        "n": len(found.rows),
        "predictors": {_key(name): asdict(value) for name, value in found.accuracies.items()},
        "intervals": {"level": LEVEL, **asdict(found.intervals)},
        "form": asdict(found.model.form),
        "fresh": asdict(fresh) if fresh else None,
        "noise": median_noise(records),
    }


def _show_validation(
    device: "Device", found: "Validation | None", records: Sequence["Record"]
) -> None:
    """The same, as tables."""
    from nas.latency.fresh import judge
    from nas.latency.records import median_noise

    if not found:
        typer.echo(f"{device.name} has no row to fit: it has a card, and no model")
        return
    rows = [_row(name, accuracy) for name, accuracy in found.accuracies.items()]
    print_table(_COLUMNS, rows, title=f"{len(found.rows)} networks, each left out of the fit once")
    typer.echo(_intervals_in_words(found.intervals.coverage, found.intervals.width))
    if fresh := judge(found.model, records):
        _show_fresh(fresh)
    if (noise := median_noise(records)) is not None:
        typer.echo(f"Noise of a measurement (median): {noise:.1f} %")


def _show_fresh(fresh: "Fresh") -> None:
    typer.echo()
    refused = f"; {fresh.refused} more were refused" if fresh.refused else ""
    title = f"{fresh.graphs} networks kept back, never fitted{refused}"
    print_table(_COLUMNS, [_row("this model", fresh.accuracy)], title=title)
    typer.echo(_intervals_in_words(fresh.intervals.coverage, fresh.intervals.width))


_COLUMNS = (
    "predictor", "MAPE %", "median %", "within 5 %", "within 10 %", "RMSE ms", "Spearman", "Kendall"
)  # fmt: skip


def _row(name: str, accuracy: "Accuracy") -> tuple[str, ...]:
    return (
        name,
        f"{accuracy.mape:.1f}",
        f"{accuracy.median_ape:.1f}",
        f"{accuracy.within_5:.0f}",
        f"{accuracy.within_10:.0f}",
        f"{accuracy.rmse_ms:.2f}",
        f"{accuracy.spearman:.3f}",
        f"{accuracy.kendall:.3f}",
    )


def _intervals_in_words(coverage: float, width: float) -> str:
    from nas.latency.model import PER_CENT

    return (
        f"The {PER_CENT} interval holds {coverage:.0f} % of them; half of the intervals "
        f"are shorter than {width:.0f} % of the prediction."
    )


def _key(predictor: str) -> str:
    return "model" if predictor == "this model" else predictor.lower()
