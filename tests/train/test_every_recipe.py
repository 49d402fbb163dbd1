"""Every recipe trains to its end: the network it leaves has finite weights, and a grid if asked."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nas.data.images import Pair
from nas.data.patches import calibration_patches
from nas.data.resample import downscale
from nas.graph import Graph
from nas.quantize.settings import Qat
from nas.quantize.stored import load_stored, store
from nas.train.feed import Feed
from nas.train.losses import Contrastive, Loss, Perceptual, WeightedSum, feature_layers
from nas.train.perceptual import read_vgg19
from nas.train.recipes import RECIPES
from nas.train.solve_set import SolveSet
from nas.train.stages import Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo import ENTRIES, mobile_x3_names, zoo_entry
from nas.zoo.fqsr import sr_resnet

STEPS = 2  # of each stage
FEW = {"lr_size": 16, "count": 4, "seed": 0}
SHALLOW = 2  # layer of VGG-19 in place of the deep ones


@cache
def network_of(name: str) -> Graph:
    """One that its team trained so, where it is small."""
    if name.startswith("fqsr-"):
        return sr_resnet(2, 1)
    if name == "pureconvsr":  # what is published comes after its topology has changed
        return zoo_entry("ABPN").build()
    if name == "rpq":
        return zoo_entry("RPQ-unpruned-d5").build()
    own = [each for each in mobile_x3_names() if ENTRIES[each].recipe == name]
    return zoo_entry((own or ["XCAT"])[0]).build()


def shallow(loss: Loss) -> Loss:
    if isinstance(loss, WeightedSum):
        return WeightedSum(tuple((weight, shallow(term)) for weight, term in loss.terms))
    if isinstance(loss, Perceptual | Contrastive):
        return replace(loss, layers=(SHALLOW,))
    return loss


def small(stage: Stage) -> Stage:
    return replace(stage, lr_patch=12, batch_size=2, loss=shallow(stage.loss))


@pytest.fixture(scope="module")
def feeds(leaves: tuple[Pair, ...]) -> dict[int, Feed]:
    """At x2 and x3; few patches to solve on, for wide networks."""
    halves = tuple(Pair(pair.name, downscale(pair.hr, 2), pair.hr) for pair in leaves)
    found = {2: Feed(halves, scale=2, seed=0), 3: Feed(leaves, scale=3, seed=0)}
    for scale, feed in found.items():
        lr, hr = calibration_patches(leaves if scale == 3 else halves, **FEW, scale=scale)
        feed.__dict__["solve_set"] = SolveSet(lr, hr)
    return found


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the first two convolutions."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for place, channels in ((0, 3), (2, 64)):
        kernel = torch.randn(64, channels, 3, 3, generator=generator) / (9 * channels) ** 0.5
        weights[f"features.{place}.weight"] = kernel
        weights[f"features.{place}.bias"] = torch.zeros(64)
    file = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file(weights, file)
    return file


def trained(name: str, feeds: dict[int, Feed], vgg_file: Path) -> tuple[Recipe, Trainer]:
    recipe = replace(RECIPES[name], stages=tuple(map(small, RECIPES[name].stages)))
    layers = tuple({n for stage in recipe.stages for n in feature_layers(stage.loss)})
    features = read_vgg19(vgg_file, layers) if layers else None
    graph = network_of(name)
    steps = STEPS * len(recipe.stages)
    run = Trainer(graph, recipe, feeds[graph.scale], Conditions(0, steps, features=features))
    run.advance(steps)
    assert (run.step, run.stage) == (steps, len(recipe.stages) - 1)
    return recipe, run


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_trains_to_its_end(
    name: str, feeds: dict[int, Feed], vgg_file: Path, tmp_path: Path
) -> None:
    recipe, run = trained(name, feeds, vgg_file)
    store(tmp_path, run.graph, run.weights(), run.grid())
    found = load_stored(tmp_path)  # checks shapes, and that all numbers are finite
    assert found.graph == found.graph.deployed
    assert (found.grid is not None) == isinstance(recipe.stages[-1].quantisation, Qat)
    with torch.no_grad():
        y = run.upscaled(torch.rand(1, 3, 12, 12))
    assert y.shape == (1, 3, 12 * run.graph.scale, 12 * run.graph.scale)
    assert y.isfinite().all()
