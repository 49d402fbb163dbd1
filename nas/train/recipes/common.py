"""What recipes share, and those that belong to no paper."""

import math
from dataclasses import replace

from nas.quantize.settings import Qat
from nas.train.losses import L2
from nas.train.schedules import Cosine, Step, Warmup
from nas.train.stages import Recipe, Stage

__all__ = [
    "EPOCH",
    "L1_STAGE",
    "RECIPES",
    "epoch_note",
    "epoch_steps",
    "qat_note",
    "qat_stage",
]

EPOCH = 1000  # steps of 16 patches in an epoch of ABPN's code, where each image is drawn 20 times
L1_STAGE = Stage(600 * EPOCH, Step(1e-3, 0.5, every=120 * EPOCH))

_SEARCH = Stage(
    1000,
    Warmup(30, Cosine(4e-3, 1000)),
    batch_size=8,
    lr_patch=24,
    clip_in_loss=False,
    optimizer="soap",
    betas=(0.9, 0.99),
    ema_decay=0.97,
    centre_gradients=True,
)
_FINAL = replace(_SEARCH, steps=3000, schedule=Warmup(30, Cosine(2e-3, 3000)), ema_decay=0.99)


def epoch_steps(batch_size: int, images: int = 800) -> int:
    """Steps in which each image gives one patch, for papers that print epochs only."""
    return math.ceil(images / batch_size)


def epoch_note(*batch_sizes: int) -> str:
    """Says what an epoch was taken for in the stages with these batches."""
    steps = " or ".join(str(epoch_steps(size)) for size in batch_sizes)
    return f"an epoch is {steps} steps, one patch of each of DIV2K's 800 images"


def qat_stage(before: Stage, rate: float, epoch: int = EPOCH) -> Stage:
    """What most teams do that say: 220 epochs, the rate halved after every 50."""
    return replace(
        before,
        steps=220 * epoch,
        schedule=Step(rate, 0.5, every=50 * epoch),
        quantisation=Qat(),
    )


def qat_note(rate: float, epoch: int = EPOCH) -> str:
    """Says that `qat_stage` was chosen."""
    length = f"220 epochs of {epoch} steps"
    return f"the quantised stage is only named: {length} from {rate:g}, halved after every 50"


RECIPES = (
    Recipe(
        "l1",
        "common practice of the field",
        (L1_STAGE,),
        note="as ABPN's code trains, for any network and images",
    ),
    Recipe(
        "l2",
        "common practice of the field",
        (replace(L1_STAGE, loss=L2()),),
        note="as l1 with the squared error",
    ),
    Recipe(
        "search",
        "this project",
        (_SEARCH,),
        start="identity",
        gain=0.7,
        ridge=1.0,
        restarts=2,
        note="how the search trains its candidates",
    ),
    Recipe(
        "final",
        "this project",
        (_FINAL,),
        start="identity",
        gain=0.7,
        ridge=1.0,
        restarts=2,
        note="how the search trains its finalists",
    ),
)
