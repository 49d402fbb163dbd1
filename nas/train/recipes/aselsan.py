"""XLSR and XCAT, and the networks that their authors trained to compare with."""

import math
from dataclasses import replace

from nas.data.patches import Augment
from nas.train.losses import L2, Charbonnier
from nas.train.recipes.common import EPOCH
from nas.train.schedules import Triangular
from nas.train.stages import Recipe, Stage

__all__ = ["RECIPES"]

_AUGMENT = Augment(intensities=(1.0, 0.7, 0.5))
_GAIN = math.sqrt(0.1)
# Epoch e begins at step (e - 1) * 100; the last of 5000 has the lowest rate.
_XLSR = Stage(
    5000 * 100,
    Triangular(5e-5, 25e-4, 1e-4, peak_step=49 * 100, end_step=4999 * 100),
    Charbonnier(0.1),
    batch_size=16,
    lr_patch=32,
    augment=_AUGMENT,
)
_XCAT_EPOCH = 10 * EPOCH
_XCAT = Stage(
    50 * _XCAT_EPOCH,
    Triangular(1e-3, 25e-4, 1e-4, peak_step=4 * _XCAT_EPOCH, end_step=49 * _XCAT_EPOCH),
    Charbonnier(0.1),
    batch_size=16,
    lr_patch=32,
    augment=_AUGMENT,
)
_XCAT_L2 = replace(
    _XCAT,
    schedule=Triangular(1e-4, 12.5e-4, 1e-4, peak_step=4 * _XCAT_EPOCH, end_step=49 * _XCAT_EPOCH),
    loss=L2(),
)
RECIPES = (
    Recipe(
        "xlsr",
        "Ayazoglu 2021 (arXiv:2105.10288)",
        (_XLSR,),
        gain=_GAIN,
        note="5000 epochs of 100 steps on DIV2K 1-792; the rate is taken as linear inside an "
        "epoch; the last weights are kept, not those of the best epoch on 793-800",
    ),
    Recipe(
        "xcat",
        "Ayazoglu & Bilecen 2022 (AIM workshop at ECCV)",
        (_XCAT, _XCAT_L2),
        gain=_GAIN,
        note="50 epochs of 10,000 steps a stage; HR patch 96; DIV2K, then DIV2K with Flickr2K, "
        "for which the images given are taken; the end of the rate, printed e-4, is read as 1e-4; "
        "length of the second stage and start as XLSR are assumed",
    ),
    Recipe(
        "baseline",
        "Ayazoglu 2021 (arXiv:2105.10288), Tables 4 and 5",
        (_XLSR,),
        gain=_GAIN,
        note="the authors trained the networks that they compare with anew and do not say how: "
        "taken as xlsr",
    ),
)
