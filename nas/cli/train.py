"""`nas train`: networks trained by a recipe, each into a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.named import named_networks
from nas.cli.tables import duration, print_json, print_table

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
        typer.Option(help="zoo:NAME, a file with the text form, or RUN#TRIAL; may be repeated."),
    ],
    out: Annotated[Path, typer.Option(help="Folder; several networks get one each below it.")],
    recipe: Annotated[
        str | None, typer.Option(help="Name of a recipe; default: that of the published network.")
    ] = None,
    data: Annotated[str, typer.Option(help="Folders of images, or bundled.")] = "bundled",
    valid: Annotated[str | None, typer.Option(help="Folders of images to validate on.")] = None,
    budget_steps: Annotated[
        int | None, typer.Option(help="Steps of all stages together; default: as published.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of start and patches.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    vgg: Annotated[
        Path | None, typer.Option(help="VGG-19 weights (safetensors), for perceptual losses.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train networks by a published recipe; a folder that was left goes on where it was."""
    from nas.train.hardware import choose_hardware
    from nas.train.recipes import recipe as find_recipe

    wanted = _Wanted(data, valid, budget_steps, seed, choose_hardware(device, precision), vgg)
    found = []
    for name, graph in named_networks(network):
        folder = out / _folder_name(name) if len(network) > 1 else out
        chosen = find_recipe(recipe or _published_recipe(name))
        found.append((name, chosen.name, wanted.session(graph, chosen, folder)))
    _train_together([(name, session) for name, _, session in found])
    rows = [_figures(*each) for each in found]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("network", "recipe", "steps", "PSNR dB", "folder"),
        [
            (row["network"], row["recipe"], row["steps"], f"{row['psnr_db']:.3f}", row["folder"])
            for row in rows
        ],
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a person asked for, of all networks alike."""

    data: str
    valid: str | None
    budget_steps: int | None
    seed: int
    hardware: "Hardware"
    vgg: Path | None

    def session(self, graph: "Graph", recipe: "Recipe", folder: Path) -> "Session":
        """The training of one network."""
        from nas.graph import to_text
        from nas.train.losses import feature_layers
        from nas.train.perceptual import read_vgg19
        from nas.train.session import Session, TrainConfig
        from nas.train.trainer import Conditions, stage_ends

        layers = tuple(sorted({n for stage in recipe.stages for n in feature_layers(stage.loss)}))
        vgg = read_vgg19(self.vgg, layers).to(self.hardware.device) if layers else None
        images = self._images(graph.scale, folder)
        config = TrainConfig(
            network=to_text(graph),
            recipe=recipe.name,
            data=self.data,
            valid=self.valid,
            digest=images.digest,
            scale=graph.scale,
            seed=self.seed,
            steps=stage_ends(recipe, self.budget_steps)[-1],
            device=self.hardware.device,
            precision=self.hardware.precision,
        )
        conditions = Conditions(self.seed, config.steps, self.hardware, vgg)
        return Session(graph, recipe, images, config, folder=folder, conditions=conditions)

    def _images(self, scale: int, folder: Path) -> "Dataset":
        from nas.data.sets import load_dataset

        return load_dataset(
            self.data,
            scale=scale,
            lr_patch=32,
            valid=self.valid,
            seed=self.seed,
            on_skip=lambda line: typer.echo(f"skipped {line}", err=True),
        )


def _train_together(sessions: Sequence[tuple[str, "Session"]]) -> None:
    """Block by block in turn, so that a GPU always has another network to work on."""
    import time

    began = time.monotonic()
    running = {name: session.train() for name, session in sessions}
    trainers = {name: session.trainer for name, session in sessions}
    first = {name: trainer.step for name, trainer in trainers.items()}
    while running:
        for name, steps in list(running.items()):
            reading = next(steps, _END)
            if reading is _END:
                del running[name]
            elif reading is not None:
                trainer = trainers[name]
                rate = (time.monotonic() - began) / (trainer.step - first[name])
                _show(name, reading, trainer.steps, rate * (trainer.steps - trainer.step))


_END: Any = object()


def _show(name: str, reading: "Progress", steps: int, left_s: float) -> None:
    typer.echo(
        f"{name}: step {reading.step}/{steps}, stage {reading.stage}, loss {reading.loss:.5f}, "
        f"rate {reading.learning_rate:.2g}, {reading.psnr_db:.3f} dB; {duration(left_s)} to go",
        err=True,
    )


def _figures(name: str, recipe: str, session: "Session") -> dict[str, Any]:
    from nas.train.session import read_log

    last = read_log(session.folder)[-1]
    return {
        "network": name,
        "recipe": recipe,
        "steps": last.step,
        "psnr_db": last.psnr_db,
        "folder": str(session.folder),
    }


def _published_recipe(name: str) -> str:
    from nas.cli.networks import is_file
    from nas.errors import UsageError
    from nas.zoo import zoo_entry

    if is_file(name) or "#" in name:
        raise UsageError(f"{name} has no published recipe", "give --recipe, such as l1")
    return zoo_entry(name.removeprefix("zoo:")).recipe or "l1"


def _folder_name(name: str) -> str:
    stem = name.removeprefix("zoo:")
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in stem)
