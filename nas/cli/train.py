"""`nas train`: networks trained by a recipe, each into a folder."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from nas.cli.named import named_networks
from nas.cli.networks import is_file
from nas.cli.tables import print_json, print_table
from nas.cli.training import asked_to_stop, train_together

if TYPE_CHECKING:
    from nas.data.sets import Dataset
    from nas.graph import Graph
    from nas.train.hardware import Hardware
    from nas.train.session import Progress, Session
    from nas.train.stages import Recipe

__all__ = ["train"]


def train(
    network: Annotated[
        list[str],
        Option(help="zoo:NAME, a file with the text form, or RUN#TRIAL; may be repeated."),
    ],
    out: Annotated[Path, Option(help="Folder; several networks get one each below it.")],
    recipe: Annotated[
        str | None, Option(help="See `nas recipes list`; default: that of the published network.")
    ] = None,
    data: Annotated[str, Option(help="Folder(s) of images, or bundled.")] = "bundled",
    valid: Annotated[str | None, Option(help="Folder(s) of images to validate on.")] = None,
    budget_steps: Annotated[
        int | None, Option(help="Steps of all stages together; default: as published.")
    ] = None,
    seed: Annotated[int, Option(min=0, help="Of start and patches.")] = 0,
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, Option(help="float32 or bfloat16.")] = "float32",
    vgg: Annotated[
        Path | None, Option(help="VGG-19 weights (safetensors), for perceptual losses.")
    ] = None,
    tensorboard: Annotated[
        Path | None, Option(help="Folder for loss, rate and PSNR, as TensorBoard shows them.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Train networks by a published recipe; a folder that was left goes on where it was."""
    from nas.train.hardware import choose_hardware
    from nas.train.scalars import check_tensorboard

    if tensorboard is not None:
        check_tensorboard()
    plans = _plans(network, recipe, out)
    hardware = choose_hardware(device, precision)
    options = _Options(data, valid, budget_steps, seed, hardware, vgg)
    options.check(plans)
    sessions = {plan.name: options.session(plan) for plan in plans}
    for plan in plans:
        _introduce(plan, sessions[plan.name], hardware)
    _train(sessions, tensorboard)
    rows = [_figures(plan) for plan in plans]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("network", "recipe", "steps", "PSNR dB", "folder"),
        [(*list(row.values())[:3], f"{row['psnr_db']:.3f}", row["folder"]) for row in rows],
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """One network, how it trains and where."""

    name: str
    graph: "Graph"
    recipe: "Recipe"
    folder: Path


@dataclass(frozen=True)
class _Options:
    """What a person asked for, of all networks alike."""

    data: str
    valid: str | None
    budget_steps: int | None
    seed: int
    hardware: "Hardware"
    vgg: Path | None

    def check(self, plans: list[_Plan]) -> None:
        """Whether all can begin, as far as that is known before images are read."""
        from nas.train.session import stored_config
        from nas.train.trainer import check_trainable

        for plan in plans:
            stored_config(plan.folder)
            check_trainable(plan.graph, plan.recipe, self.budget_steps)

    def session(self, plan: _Plan) -> "Session":
        """The training of one network."""
        from nas.graph import to_text
        from nas.train.session import Session, TrainConfig
        from nas.train.trainer import Conditions, stage_ends

        features = self._features(plan.recipe)  # first, for images take a while
        images = self._images(plan.graph.scale)
        config = TrainConfig(
            network=to_text(plan.graph),
            recipe=plan.recipe.name,
            data=self.data,
            valid=self.valid,
            digest=images.digest,
            scale=plan.graph.scale,
            seed=self.seed,
            steps=stage_ends(plan.recipe, self.budget_steps)[-1],
            device=self.hardware.device,
            precision=self.hardware.precision,
        )
        conditions = Conditions(self.seed, config.steps, self.hardware, features)
        return Session(
            plan.graph, plan.recipe, images, config, folder=plan.folder, conditions=conditions
        )

    def _features(self, recipe: "Recipe") -> Any:
        """VGG-19, if the recipe looks at it."""
        from nas.train.losses import feature_layers
        from nas.train.perceptual import read_vgg19

        layers = tuple(sorted({n for stage in recipe.stages for n in feature_layers(stage.loss)}))
        return read_vgg19(self.vgg, layers).to(self.hardware.device) if layers else None

    def _images(self, scale: int) -> "Dataset":
        from nas.data.patches import CALIBRATION_LR_SIZE
        from nas.data.sets import load_dataset

        if scale not in self._loaded:  # networks of one scale share them
            self._loaded[scale] = load_dataset(
                self.data,
                scale=scale,
                lr_patch=CALIBRATION_LR_SIZE,
                valid=self.valid,
                seed=self.seed,
                on_skip=lambda line: typer.echo(f"skipped {line}", err=True),
            )
        return self._loaded[scale]

    @cached_property
    def _loaded(self) -> "dict[int, Dataset]":
        return {}


def _plans(names: list[str], recipe: str | None, out: Path) -> list[_Plan]:
    from nas.errors import UsageError
    from nas.train.recipes import recipe as find_recipe

    found = [
        _Plan(
            name.removeprefix("zoo:"),
            graph,
            find_recipe(recipe or _published_recipe(name)),
            out / _folder_name(name) if len(names) > 1 else out,
        )
        for name, graph in named_networks(names)
    ]
    if len({plan.folder for plan in found}) < len(found):
        raise UsageError("a network is named twice", "name each once")
    return found


def _introduce(plan: _Plan, session: "Session", hardware: "Hardware") -> None:
    """What is about to happen, and where it differs from what was published."""
    trainer = session.trainer
    if trainer.step:
        how = f"goes on at step {trainer.step} of {trainer.steps}"
        if trainer.step == trainer.steps:
            how = f"has all of its {trainer.steps} steps already"
    else:
        how = f"{trainer.steps} steps of {plan.recipe.name}, which has {plan.recipe.steps:,}"
    typer.echo(f"{plan.name}: {how}; {hardware.device}, {hardware.precision}", err=True)
    smaller = [
        f"{cut}x{cut} in place of {stage.lr_patch}x{stage.lr_patch}"
        for cut, stage in zip(trainer.lr_patches, plan.recipe.stages, strict=True)
        if cut < stage.lr_patch
    ]
    if smaller:
        sizes = ", ".join(dict.fromkeys(smaller))
        typer.echo(f"{plan.name}: the images are small: LR patches of {sizes}", err=True)


def _train(sessions: "dict[str, Session]", tensorboard: Path | None) -> None:
    from nas.search.folder import locked
    from nas.train.scalars import Scalars

    scalars = {
        name: Scalars(tensorboard / session.folder.name)
        for name, session in sessions.items()
        if tensorboard
    }

    def write(name: str, reading: "Progress") -> None:
        if name in scalars:
            values = asdict(reading)
            scalars[name].write(values.pop("step"), values)

    try:
        with asked_to_stop() as stopped, ExitStack() as stack:
            for session in sessions.values():
                session.begin()
                stack.enter_context(locked(session.folder))
            train_together(sessions, stopped, write)
            if stopped():
                steps = " and ".join(
                    f"{s.trainer.step}/{s.trainer.steps}" for s in sessions.values()
                )
                typer.echo(f"stopped at step {steps}; the same command goes on there", err=True)
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on at the last checkpoint", err=True)
        raise


def _figures(plan: _Plan) -> dict[str, Any]:
    from nas.train.session import read_log

    last = read_log(plan.folder)[-1]
    return {
        "network": plan.name,
        "recipe": plan.recipe.name,
        "steps": last.step,
        "psnr_db": last.psnr_db,
        "folder": str(plan.folder),
    }


def _published_recipe(name: str) -> str:
    from nas.errors import UsageError
    from nas.zoo import zoo_entry

    if is_file(name) or "#" in name:
        raise UsageError(f"{name} has no published recipe", "give --recipe, such as l1")
    return zoo_entry(name.removeprefix("zoo:")).recipe or "l1"


def _folder_name(name: str) -> str:
    stem = Path(name).stem if is_file(name) else name.removeprefix("zoo:")
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in stem)
