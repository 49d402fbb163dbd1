"""The teams of the Mobile AI & AIM 2022 challenge, in the order of its report.

Lengths are printed in epochs, and an epoch is taken as one patch of each of DIV2K's 800 images.
Many networks descend from ABPN, whose code draws each image 20 times an epoch; where a team did so
too, its training was 20 times as long. A patch is taken as one of low resolution: 64, 128, 160 and
200 are no multiples of three, so those are.
"""

from dataclasses import replace

from nas.data.patches import Augment
from nas.quantize.settings import Qat
from nas.train.losses import (
    L1,
    L2,
    Charbonnier,
    Contrastive,
    DctL1,
    Perceptual,
    PsnrLoss,
    S2dL1,
    WeightedSum,
)
from nas.train.recipes.common import EPOCH, L1_STAGE, epoch_note, epoch_steps, qat_note, qat_stage
from nas.train.schedules import Constant, Cosine, Cyclic, Step, Warmup
from nas.train.stages import Prune, Recipe, Stage

__all__ = ["RECIPES"]

_REPORT = "Mobile AI & AIM 2022 report (arXiv:2211.05910), section 4."
_EPOCHS = epoch_note(16)
_OF_16, _OF_32 = epoch_steps(16), epoch_steps(32)  # steps of an epoch


def _halved(rate: float, epochs: int, every: int, batch: int = 16, patch: int = 64) -> Stage:
    epoch = epoch_steps(batch)
    schedule = Step(rate, 0.5, every=every * epoch)
    return Stage(epochs * epoch, schedule, batch_size=batch, lr_patch=patch)


def _scsrn() -> Recipe:
    first = Stage(
        800 * _OF_16,
        Warmup(80 * _OF_16, Cosine(1e-3, 800 * _OF_16, first=80 * _OF_16)),
        lr_patch=128,
        weight_clip=1.0,
    )
    second = replace(
        first,
        steps=200 * _OF_16,
        schedule=Step(2e-5, 0.5, every=60 * _OF_16),
        loss=L2(),
        augment=Augment(shuffle=True),
    )
    third = replace(
        first,
        steps=300 * _OF_16,
        schedule=Step(1e-5, 0.5, every=60 * _OF_16),
        loss=DctL1(8),
        quantisation=Qat(),
    )
    note = (
        f"{_EPOCHS}; the rate of the last stage, printed 1e-54, is read as 1e-5; blocks of the DCT "
        "and limit of the weights are not printed: 8 and 1"
    )
    return Recipe("scsrn", f"{_REPORT}1", (first, second, third), note=note)


def _rpq() -> Recipe:
    steps = 1000 * _OF_16
    first = Stage(steps, Cosine(1e-4, steps), lr_patch=128)
    second = replace(first, prune=Prune(keep=35 / 48), distil=1.0)
    third = replace(first, steps=100 * _OF_16, schedule=Constant(1e-7), quantisation=Qat(sqcl=0.3))
    note = (
        f"{_EPOCHS}; losses, rate of the second stage, weights of distillation and of SQCL are not "
        "printed: L1, as the first, 1 and FQSR's 0.3; 48 channels at the start are printed, those "
        "that stay are not: 35 meet the size of the file"
    )
    return Recipe("rpq", f"{_REPORT}2", (first, second, third), note=note)


def _pure_conv_sr() -> Recipe:
    first = replace(L1_STAGE, ema_decay=0.999)
    second = replace(qat_stage(L1_STAGE, 1e-4), carry=True)
    note = (
        "epochs of 1000 steps, as printed; MAE as in factsheet and code, the report prints MSE; "
        "20 epochs at rate 0 that follow, in which nothing trains, are left out"
    )
    source = f"{_REPORT}3, and the authors' code"
    return Recipe("pureconvsr", source, (first, second), note=note)


def _antins_cv() -> Recipe:
    first = replace(_halved(1e-3, 600, 120, batch=32, patch=128), loss=PsnrLoss())
    second = replace(_halved(1e-4, 220, 50, batch=8, patch=128), loss=L2(), quantisation=Qat())
    return Recipe("antins_cv", f"{_REPORT}7", (first, second), note=epoch_note(32, 8))


def _genmedia() -> Recipe:
    rectified = _halved(1e-3, 1000, 200, batch=32, patch=96)
    stages = (replace(rectified, activation="silu"), qat_stage(rectified, 1e-4, _OF_32))
    note = f"{epoch_note(32)}; {qat_note(1e-4, _OF_32)}; flips are printed, rotations are added"
    return Recipe("genmedia", f"{_REPORT}8", stages, note=note)


def _vccip() -> Recipe:
    loss = WeightedSum(((1.0, Charbonnier(1e-3)), (0.01, Perceptual())))
    first = Stage(600 * EPOCH, Cyclic(5e-4, 1e-6, every=200 * EPOCH), loss)
    note = (
        "epsilon, weight and layer of the perceptual loss and the cycles are not printed: 0.001, "
        f"0.01, conv5_4 before its ReLU, and those of noah_terminalvision; {qat_note(5e-5)}"
    )
    return Recipe("vccip", f"{_REPORT}9", (first, qat_stage(first, 5e-5)), note=note)


def _megsr() -> Recipe:
    first = Stage(500 * EPOCH, Step(1e-3, 0.5, every=200 * EPOCH), batch_size=64)
    second = replace(first, steps=200 * EPOCH, schedule=Constant(5e-5), lr_patch=128)
    note = (
        "the rate of the fine-tuning is not printed: the last of the authors' code, which lowers "
        "it at other steps than the report"
    )
    return Recipe("megsr", f"{_REPORT}10", (first, second), note=note)


def _doublez() -> Recipe:
    first = Stage(1000 * _OF_16, Cosine(1e-3, 1000 * _OF_16, end=1e-5), lr_patch=96)
    second = replace(first, steps=200 * _OF_16, schedule=Constant(1e-5), loss=L2())
    note = (
        f"{_EPOCHS}; batch, lengths and the way from 1e-3 to 1e-5 are not printed: 16, 1000 and "
        f"200 epochs, a cosine; {qat_note(1e-5, _OF_16)}"
    )
    stages = (first, second, qat_stage(second, 1e-5, _OF_16))
    return Recipe("doublez", f"{_REPORT}11", stages, note=note)


def _lab216() -> Recipe:
    first = _halved(1e-3, 1000, 200)
    loss = WeightedSum(((1.0, L1()), (0.1, Contrastive(16))))
    second = replace(qat_stage(first, 1e-4, _OF_16), loss=loss)
    note = (
        f"{_EPOCHS}; weight and layer of the contrastive loss are not printed: 0.1 and conv5_4 "
        "before its ReLU; the 16 negatives are taken from the batch of 16"
    )
    return Recipe("lab216", f"{_REPORT}13", (first, second), note=note)


def _tovb() -> Recipe:
    epoch = epoch_steps(64)
    first = Stage(1500 * epoch, Constant(2e-4), batch_size=64, lr_patch=160)
    second = Stage(30 * _OF_16, Constant(1e-6), fuse=True)
    note = f"{epoch_note(64, 16)}; how it was quantised is not printed: after training"
    return Recipe("tovb", f"{_REPORT}14", (first, second), note=note)


def _samsung_research() -> Recipe:
    second = replace(L1_STAGE, steps=300 * EPOCH, schedule=Step(1e-4, 0.5, every=60 * EPOCH))
    third = replace(second, steps=220 * EPOCH, schedule=Constant(1e-5), quantisation=Qat())
    note = (
        "only the images (ImageNet-2012, then DIV2K with Flickr2K) and the rate of the quantised "
        "stage are printed; all else as abpn; all stages train on the images given"
    )
    stages = (L1_STAGE, second, third)
    return Recipe("samsung-research", f"{_REPORT}15", stages, note=note)


def _rtsisr2022() -> Recipe:
    first = _halved(6e-4, 2000, 200, patch=192)
    second = replace(_halved(8e-5, 1000, 200, patch=192), fuse=True)
    third = replace(_halved(8e-6, 220, 50, patch=192), quantisation=Qat())
    return Recipe("rtsisr2022", f"{_REPORT}16", (first, second, third), note=_EPOCHS)


def _just_a_try() -> Recipe:
    first = _halved(1e-3, 1000, 200)
    epoch = epoch_steps(32, images=800 + 2650)
    second = Stage(200 * epoch, Constant(1e-4), batch_size=32, lr_patch=150)
    note = (
        f"{_EPOCHS}; 108 where the 2650 of Flickr2K are added, for which the images given are "
        "taken; loss, rates and lengths are not printed: L1, 1e-3 halved after every 200 of 1000 "
        "epochs, then 1e-4 for 200"
    )
    return Recipe("just-a-try", f"{_REPORT}22", (first, second), note=note)


def _then_qat(name: str, section: int, first: Stage, note: str = "") -> Recipe:
    """A float stage and the quantised one that the report only names."""
    epoch = epoch_steps(first.batch_size)
    rate = first.schedule.rate(0) / 10
    notes = f"{epoch_note(first.batch_size)}; {note}{qat_note(rate, epoch)}"
    stages = (first, qat_stage(first, rate, epoch))
    return Recipe(name, f"{_REPORT}{section}", stages, note=notes)


_HOPN = Stage(1_000_000, Cosine(6e-4, 1_000_000, end=1e-8), quantisation=Qat())
_BOE = Stage(1000 * 100, Step(1e-3, 0.6, every=100 * 100), batch_size=8, lr_patch=128)
_BOE_QAT = replace(
    _BOE, steps=220 * 100, schedule=Step(1e-5, 0.6, every=50 * 100), quantisation=Qat()
)
_EMSR = Stage(600_000, Step(1e-3, 0.5, every=150_000))
RECIPES = (
    _scsrn(),
    _rpq(),
    _pure_conv_sr(),
    Recipe(
        "lcvg",
        f"{_REPORT}4",
        (_HOPN,),
        note="quantised from the first step; flips are printed, rotations are added",
    ),
    Recipe("boe-iot-aibd", f"{_REPORT}5", (_BOE, _BOE_QAT), note=epoch_note(8)),
    Recipe("njust", f"{_REPORT}6", (_EMSR, qat_stage(_EMSR, 1e-4)), note=qat_note(1e-4)),
    _antins_cv(),
    _genmedia(),
    _vccip(),
    _megsr(),
    _doublez(),
    _then_qat(
        "jeremy-kwon",
        12,
        replace(_halved(1e-3, 1000, 200, patch=96), loss=S2dL1(3)),
        "space-to-depth alone would not change the loss, it is read as averaging blocks of 3x3; ",
    ),
    _lab216(),
    _tovb(),
    _samsung_research(),
    _rtsisr2022(),
    Recipe(
        "klab_sr",
        f"{_REPORT}18",
        (L1_STAGE, qat_stage(L1_STAGE, 1e-4)),
        note="only NadaBelief, an optimiser, and quantised training are printed: Adam, as abpn",
    ),
    _then_qat(
        "tcl-research-hk",
        19,
        Stage(1000 * 200, Constant(1e-4), batch_size=4, lr_patch=200),
    ),
    _then_qat("repgsr", 20, _halved(1e-4, 1000, 200, batch=32)),
    Recipe(
        "icl",
        f"{_REPORT}21",
        (_halved(1e-3, 1000, 200),),
        note=f"{_EPOCHS}; batch, patch and rate are not printed: 16, 64, 1e-3 "
        "halved after every 200; the regularisation of kernel "
        "ranges in the team's title is not described and left out",
    ),
    _just_a_try(),
    Recipe("bilibili-ai", f"{_REPORT}23", (_halved(1e-3, 1080, 120, patch=48),), note=_EPOCHS),
    _then_qat("mobilesr", 24, _halved(1e-3, 600, 120, batch=32)),
    Recipe(
        "noahtcv",
        f"{_REPORT}25",
        (Stage(600_000, Step(25e-4, 0.5, every=150_000)),),
        note="batch and length are not printed: 16 and 600,000 steps",
    ),
)
