"""FQSR: the float network first, then fully quantised, at each tested number of bits."""

from collections.abc import Iterator
from dataclasses import replace

from nas.quantize.settings import Fqsr
from nas.train.recipes.common import EPOCH
from nas.train.schedules import Cosine
from nas.train.stages import Recipe, Stage

__all__ = ["RECIPES"]

_SOURCE = "Wang et al. 2021 (arXiv:2011.14265), and the authors' code"
_TESTED = ((4, 4, 8), (4, 4, 32), (6, 6, 8), (8, 8, 8), (8, 8, 32))  # weights, features, skips
_STEPS = 300 * EPOCH
_NOTE = "300 epochs of 1000 steps, as in the code; DIV2K 1-800; HR patch 96 at x2, 192 at x4"


def _stage(rate: float, adversarial: float = 0.0) -> Stage:
    return Stage(_STEPS, Cosine(rate, _STEPS), lr_patch=48, adversarial=adversarial)


def _stages(backbone: str) -> tuple[tuple[Stage, ...], Stage, str]:
    """The float stages, the stage that is quantised, and what was chosen for them."""
    if backbone == "edsr":
        return (_stage(1e-4),), _stage(5e-5), "the rate of the float network is the code's default"
    if backbone == "srgan":
        adversarial = _stage(1e-3, adversarial=1e-3)
        chosen = "losses are not printed: L1 alone, then 1e-3 of the discriminator's added"
        return (_stage(1e-3), adversarial), adversarial, chosen
    return (_stage(1e-3),), _stage(1e-3), "the float network trains as the quantised one"


def _recipes() -> Iterator[Recipe]:
    for backbone in ("srresnet", "edsr", "srgan"):
        floats, last, chosen = _stages(backbone)
        for bits in _TESTED:
            weights, features, skips = bits
            quantised = replace(last, quantisation=Fqsr(weights, features, skips))
            name = f"fqsr-{backbone}"
            found = Recipe(
                "-".join([name, *map(str, bits)]),
                _SOURCE,
                (*floats, quantised),
                note=f"{_NOTE}; {chosen}",
            )
            if bits == (8, 8, 8):
                yield replace(found, name=name, note=f"{found.note}; 8 bits everywhere")
            yield found


RECIPES = tuple(_recipes())
