"""The teams of the Mobile AI 2021 challenge."""

import math
from dataclasses import replace

from nas.quantize.settings import Qat
from nas.train.losses import L2
from nas.train.recipes.common import L1_STAGE, epoch_note, epoch_steps, qat_note, qat_stage
from nas.train.schedules import Constant, Cyclic, Step
from nas.train.stages import Recipe, Stage

__all__ = ["RECIPES"]

_REPORT = "Mobile AI 2021 report (CVPR workshops 2021), section 4."

_TINY = Stage(1_000_000, Cyclic(5e-4, 1e-6, every=200_000))
_FAST = Stage(800_000, Step(2e-4, 0.5, every=200_000), lr_patch=128)
_FAST_L2 = replace(_FAST, steps=200_000, schedule=Constant(2e-5), loss=L2())
_PRP = epoch_steps(32)
_ATT = epoch_steps(16)
_ATT_L1 = Stage(750 * _ATT, Constant(1e-4))
RECIPES = (
    Recipe(
        "abpn",
        f"{_REPORT}2, and the authors' code",
        (L1_STAGE, qat_stage(L1_STAGE, 1e-3)),
        gain=math.sqrt(0.5),
        note="lengths as in the code: epochs of 1000 steps, DIV2K; the report prints 1000 epochs "
        "halved after every 200; Glorot's deviation for equal widths; published for values 0..255",
    ),
    Recipe(
        "noah_terminalvision",
        f"{_REPORT}3",
        (_TINY, qat_stage(_TINY, 5e-5)),
        note="batch, patch and shape of the cycles are not printed: 16, 64, half a cosine each; "
        f"{qat_note(5e-5)}",
    ),
    Recipe(
        "along",
        f"{_REPORT}4",
        (_FAST, _FAST_L2, qat_stage(_FAST_L2, 2e-5)),
        note="lengths, batch and the rate with L2 are not printed: 800,000 and 200,000 steps, 16, "
        f"2e-5; {qat_note(2e-5)}",
    ),
    Recipe(
        "embeddedai",
        f"{_REPORT}5",
        (Stage(600 * _PRP, Step(5e-4, 0.5, every=200 * _PRP), batch_size=32),),
        note=epoch_note(32),
    ),
    Recipe(
        "mju_gogogo",
        f"{_REPORT}6",
        (
            _ATT_L1,
            replace(
                _ATT_L1,
                steps=75 * _ATT,
                schedule=Constant(1e-5),
                loss=L2(),
                quantisation=Qat(),
            ),
        ),
        note=f"{epoch_note(16)}; patch, batch and rates are not printed: 64, 16, 1e-4, then 1e-5",
    ),
)
