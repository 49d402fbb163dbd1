"""`nas recipes`: published ways to train, stage by stage."""

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from nas.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from nas.train.stages import Recipe, Stage

__all__ = ["app"]

app = typer.Typer(help="Published ways to train.", no_args_is_help=True)
AsJson = Annotated[bool, Option("--json", help="JSON on stdout.")]

_SAMPLES = 1000  # of a schedule, to find its highest rate


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """All recipes, with their length and source."""
    from nas.train.recipes import RECIPES

    if as_json:
        print_json([_facts(recipe) for recipe in RECIPES.values()])
        return
    rows = [
        (recipe.name, len(recipe.stages), f"{recipe.steps:,}", _losses(recipe), recipe.source)
        for recipe in RECIPES.values()
    ]
    print_table(("recipe", "stages", "steps", "losses", "source"), rows)


@app.command()
def show(
    name: Annotated[str, Argument(help="As `nas recipes list` shows it.")], as_json: AsJson = False
) -> None:
    """The stages of a recipe, and what was chosen where its paper is silent."""
    from nas.train.recipes import recipe as find_recipe

    recipe = find_recipe(name)
    if as_json:
        print_json(_facts(recipe))
        return
    typer.echo(f"{recipe.name}: {recipe.source}")
    solved = "" if recipe.ridge is None else f"; readout solved, ridge {recipe.ridge:g}"
    typer.echo(f"start {recipe.start}, gain {recipe.gain:.3g}{solved}")
    print_table(
        ("steps", "loss", "batch", "LR patch", "rate", "peak", "end", "quantised", "and"),
        [_row(stage) for stage in recipe.stages],
    )
    if recipe.note:
        typer.echo(recipe.note)


def _row(stage: "Stage") -> tuple[str, ...]:
    start, peak, end = _rates(stage)
    return (
        f"{stage.steps:,}",
        _in_words(stage.loss),
        str(stage.batch_size),
        f"{stage.lr_patch}x{stage.lr_patch}",
        *(f"{rate:.3g}" for rate in (start, peak, end)),
        _bits(stage),
        ", ".join(_others(stage)) or "-",
    )


def _bits(stage: "Stage") -> str:
    """How a stage is quantised; FQSR by its bits of weights, features and skips."""
    from nas.quantize.settings import Fqsr

    settings = stage.quantisation
    if not isinstance(settings, Fqsr):
        return "-" if settings is None else _in_words(settings)
    return f"FQSR {settings.weights}/{settings.features}/{settings.skips}"


def _others(stage: "Stage") -> list[str]:
    """What else is not as usual."""
    told = {"steps", "schedule", "loss", "batch_size", "lr_patch", "quantisation"}
    usual = type(stage)(1)
    found = []
    for field in fields(stage):
        value = getattr(stage, field.name)
        if field.name not in told and value != getattr(usual, field.name):
            words = _changes(value) if is_dataclass(value) else _in_words(value)
            found.append(f"{field.name.replace('_', ' ')} {words}")
    return found


def _rates(stage: "Stage") -> tuple[float, float, float]:
    """The learning rate of the first step, the highest, and that of the last step."""
    last = stage.steps - 1
    rate = stage.schedule.rate
    apart = max(1, last // _SAMPLES)
    near = max(range(0, stage.steps, apart), key=rate)
    around = range(max(0, near - apart), min(last, near + apart) + 1)
    return rate(0), max(map(rate, around)), rate(last)


def _losses(recipe: "Recipe") -> str:
    return ", ".join(dict.fromkeys(_in_words(stage.loss) for stage in recipe.stages))


def _in_words(value: Any) -> str:
    """A frozen table by its name and what is not at its default; a sum of losses term by term."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(_in_words, value))
    if not is_dataclass(value):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if terms := getattr(value, "terms", None):
        return " + ".join(f"{weight:g} {_in_words(loss)}" for weight, loss in terms)
    changes = _changes(value)
    return type(value).__name__ + (f"({changes})" if changes else "")


def _changes(table: Any) -> str:
    """What of a frozen table is not at its default."""
    return ", ".join(
        f"{field.name.replace('_', ' ')} {_in_words(getattr(table, field.name))}"
        for field in fields(table)
        if getattr(table, field.name) != field.default
    )


def _facts(recipe: "Recipe") -> dict[str, Any]:
    from dataclasses import asdict

    stages = []
    for stage in recipe.stages:
        start, peak, end = _rates(stage)
        rates = {"rate_start": start, "rate_peak": peak, "rate_end": end}
        words = {name: _in_words(getattr(stage, name)) for name in ("schedule", "loss")}
        quantised = stage.quantisation and _in_words(stage.quantisation)
        stages.append(asdict(stage) | words | rates | {"quantisation": quantised})
    return asdict(recipe) | {"steps": recipe.steps, "stages": stages}
