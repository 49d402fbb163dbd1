"""Recipes against what papers print, worked out by hand."""

from dataclasses import replace

import pytest

from nas.data.patches import Augment
from nas.errors import UsageError
from nas.quantize.settings import Fqsr, Qat
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
    feature_layers,
)
from nas.train.recipes import RECIPES, recipe
from nas.train.recipes.common import epoch_steps
from nas.train.schedules import Step
from nas.train.stages import Prune, Stage
from nas.zoo import ENTRIES

FIELD = (600 * 1000, 16, 64, 1e-3, 1e-3, 1e-3 / 2**4)  # ABPN's code, and who took it over
FQSR = (300 * 1000, 16, 48)
# By stage: steps, batch, LR patch; learning rate at the first step, the highest, at the last step.
STAGES: dict[str, list[tuple[int, int, int, float, float, float]]] = {
    "l1": [FIELD],
    "l2": [FIELD],
    "search": [(1000, 8, 24, 4e-3 / 30, 4e-3, 0)],
    "final": [(3000, 8, 24, 2e-3 / 30, 2e-3, 0)],
    "xlsr": [(5000 * 100, 16, 32, 5e-5, 25e-4, 1e-4)],
    "baseline": [(5000 * 100, 16, 32, 5e-5, 25e-4, 1e-4)],
    "xcat": [
        (50 * 10_000, 16, 96 // 3, 1e-3, 25e-4, 1e-4),
        (50 * 10_000, 16, 96 // 3, 1e-4, 12.5e-4, 1e-4),
    ],
    "abpn": [FIELD, (220 * 1000, 16, 64, 1e-3, 1e-3, 1e-3 / 2**4)],
    "noah_terminalvision": [
        (1_000_000, 16, 64, 5e-4, 5e-4, 1e-6),
        (220 * 1000, 16, 64, 5e-5, 5e-5, 5e-5 / 2**4),
    ],
    "along": [
        (800_000, 16, 128, 2e-4, 2e-4, 2e-4 / 2**3),
        (200_000, 16, 128, 2e-5, 2e-5, 2e-5),
        (220 * 1000, 16, 128, 2e-5, 2e-5, 2e-5 / 2**4),
    ],
    "embeddedai": [(600 * 25, 32, 64, 5e-4, 5e-4, 5e-4 / 2**2)],
    "mju_gogogo": [(750 * 50, 16, 64, 1e-4, 1e-4, 1e-4), (75 * 50, 16, 64, 1e-5, 1e-5, 1e-5)],
    "scsrn": [
        (800 * 50, 16, 128, 1e-3 / (80 * 50), 1e-3, 0),
        (200 * 50, 16, 128, 2e-5, 2e-5, 2e-5 / 2**3),
        (300 * 50, 16, 128, 1e-5, 1e-5, 1e-5 / 2**4),
    ],
    "rpq": [
        (1000 * 50, 16, 128, 1e-4, 1e-4, 0),
        (1000 * 50, 16, 128, 1e-4, 1e-4, 0),
        (100 * 50, 16, 128, 1e-7, 1e-7, 1e-7),
    ],
    "pureconvsr": [FIELD, (220 * 1000, 16, 64, 1e-4, 1e-4, 1e-4 / 2**4)],
    "lcvg": [(1_000_000, 16, 64, 6e-4, 6e-4, 1e-8)],
    "boe-iot-aibd": [
        (1000 * 100, 8, 128, 1e-3, 1e-3, 1e-3 * 0.6**9),
        (220 * 100, 8, 128, 1e-5, 1e-5, 1e-5 * 0.6**4),
    ],
    "njust": [
        (600_000, 16, 64, 1e-3, 1e-3, 1e-3 / 2**3),
        (220 * 1000, 16, 64, 1e-4, 1e-4, 1e-4 / 2**4),
    ],
    "antins_cv": [
        (600 * 25, 32, 128, 1e-3, 1e-3, 1e-3 / 2**4),
        (220 * 100, 8, 128, 1e-4, 1e-4, 1e-4 / 2**4),
    ],
    "genmedia": [
        (1000 * 25, 32, 96, 1e-3, 1e-3, 1e-3 / 2**4),
        (220 * 25, 32, 96, 1e-4, 1e-4, 1e-4 / 2**4),
    ],
    "vccip": [
        (600_000, 16, 64, 5e-4, 5e-4, 1e-6),
        (220 * 1000, 16, 64, 5e-5, 5e-5, 5e-5 / 2**4),
    ],
    "megsr": [(500_000, 64, 64, 1e-3, 1e-3, 1e-3 / 2**2), (200_000, 64, 128, 5e-5, 5e-5, 5e-5)],
    "doublez": [
        (1000 * 50, 16, 96, 1e-3, 1e-3, 1e-5),
        (200 * 50, 16, 96, 1e-5, 1e-5, 1e-5),
        (220 * 50, 16, 96, 1e-5, 1e-5, 1e-5 / 2**4),
    ],
    "jeremy-kwon": [
        (1000 * 50, 16, 96, 1e-3, 1e-3, 1e-3 / 2**4),
        (220 * 50, 16, 96, 1e-4, 1e-4, 1e-4 / 2**4),
    ],
    "lab216": [
        (1000 * 50, 16, 64, 1e-3, 1e-3, 1e-3 / 2**4),
        (220 * 50, 16, 64, 1e-4, 1e-4, 1e-4 / 2**4),
    ],
    "tovb": [
        (1500 * 13, 64, 160, 2e-4, 2e-4, 2e-4),  # 800 / 64 = 12.5
        (30 * 50, 16, 64, 1e-6, 1e-6, 1e-6),
    ],
    "samsung-research": [
        FIELD,
        (300 * 1000, 16, 64, 1e-4, 1e-4, 1e-4 / 2**4),
        (220 * 1000, 16, 64, 1e-5, 1e-5, 1e-5),
    ],
    "rtsisr2022": [
        (2000 * 50, 16, 192, 6e-4, 6e-4, 6e-4 / 2**9),
        (1000 * 50, 16, 192, 8e-5, 8e-5, 8e-5 / 2**4),
        (220 * 50, 16, 192, 8e-6, 8e-6, 8e-6 / 2**4),
    ],
    "klab_sr": [FIELD, (220 * 1000, 16, 64, 1e-4, 1e-4, 1e-4 / 2**4)],
    "tcl-research-hk": [
        (1000 * 200, 4, 200, 1e-4, 1e-4, 1e-4),
        (220 * 200, 4, 200, 1e-5, 1e-5, 1e-5 / 2**4),
    ],
    "repgsr": [
        (1000 * 25, 32, 64, 1e-4, 1e-4, 1e-4 / 2**4),
        (220 * 25, 32, 64, 1e-5, 1e-5, 1e-5 / 2**4),
    ],
    "icl": [(1000 * 50, 16, 64, 1e-3, 1e-3, 1e-3 / 2**4)],
    "just-a-try": [
        (1000 * 50, 16, 64, 1e-3, 1e-3, 1e-3 / 2**4),
        (200 * 108, 32, 150, 1e-4, 1e-4, 1e-4),  # (800 + 2650) / 32 = 107.8
    ],
    "bilibili-ai": [(1080 * 50, 16, 48, 1e-3, 1e-3, 1e-3 / 2**8)],
    "mobilesr": [
        (600 * 25, 32, 64, 1e-3, 1e-3, 1e-3 / 2**4),
        (220 * 25, 32, 64, 1e-4, 1e-4, 1e-4 / 2**4),
    ],
    "noahtcv": [(600_000, 16, 64, 25e-4, 25e-4, 25e-4 / 2**3)],
    "fqsr-srresnet": [(*FQSR, 1e-3, 1e-3, 0)] * 2,
    "fqsr-edsr": [(*FQSR, 1e-4, 1e-4, 0), (*FQSR, 5e-5, 5e-5, 0)],
    "fqsr-srgan": [(*FQSR, 1e-3, 1e-3, 0)] * 3,
}
# Rates inside a stage: recipe, stage, step, rate.
RATES = [
    ("xlsr", 0, 49 * 100, 25e-4),  # the first step of epoch 50
    ("xlsr", 0, 4999 * 100, 1e-4),  # of epoch 5000
    ("xlsr", 0, 2450, (5e-5 + 25e-4) / 2),
    ("xcat", 0, 4 * 10_000, 25e-4),  # of epoch 5
    ("xcat", 0, 20_000, (1e-3 + 25e-4) / 2),
    ("xcat", 1, 4 * 10_000, 12.5e-4),
    ("xcat", 1, 49 * 10_000, 1e-4),
    ("scsrn", 0, 80 * 50, 1e-3),  # warm after a tenth
    ("scsrn", 0, 440 * 50, 5e-4),  # in the middle of the rest
    ("search", 0, 500, 2e-3),
    ("noah_terminalvision", 0, 100_000, (5e-4 + 1e-6) / 2),
    ("noah_terminalvision", 0, 200_000, 5e-4),
    ("vccip", 0, 400_000, 5e-4),
    ("lcvg", 0, 500_000, (6e-4 + 1e-8) / 2),
    ("fqsr-srresnet", 1, 150_000, 5e-4),
]
# By stage: after how many steps, again and again, the rate is multiplied; None: other schedules.
FALLS: dict[str, list[int | None]] = {
    **{name: [120 * 1000] for name in ["l1", "l2"]},
    **{name: [120 * 1000, 50 * 1000] for name in ["abpn", "pureconvsr", "klab_sr"]},
    **{name: [None, 50 * 1000] for name in ["noah_terminalvision", "vccip"]},
    "along": [200_000, None, 50 * 1000],
    "embeddedai": [200 * 25],
    "scsrn": [None, 60 * 50, 60 * 50],
    "boe-iot-aibd": [100 * 100, 50 * 100],
    "njust": [150_000, 50 * 1000],
    "antins_cv": [120 * 25, 50 * 100],
    "genmedia": [200 * 25, 50 * 25],
    "megsr": [200_000, None],
    "doublez": [None, None, 50 * 50],
    **{name: [200 * 50, 50 * 50] for name in ["jeremy-kwon", "lab216"]},
    "samsung-research": [120 * 1000, 60 * 1000, None],
    "rtsisr2022": [200 * 50, 200 * 50, 50 * 50],
    "tcl-research-hk": [None, 50 * 200],
    "repgsr": [200 * 25, 50 * 25],
    "icl": [200 * 50],
    "just-a-try": [200 * 50, None],
    "bilibili-ai": [120 * 50],
    "mobilesr": [120 * 25, 50 * 25],
    "noahtcv": [150_000],
}
QUANTISED: dict[str, list[bool]] = {  # where stages beside the last are, or the last is not
    **{name: [False] for name in ("l1", "l2", "search", "final", "xlsr", "baseline", "icl")},
    **{name: [False] for name in ("embeddedai", "bilibili-ai", "noahtcv")},
    **{name: [False, False] for name in ("xcat", "megsr", "tovb", "just-a-try")},
}


def settings_of(name: str, setting: str) -> list[object]:
    return [getattr(stage, setting) for stage in RECIPES[name].stages]


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_as_printed(name: str) -> None:
    for stage, expected in zip(RECIPES[name].stages, STAGES[name], strict=True):
        steps, batch, patch, first, highest, last = expected
        assert (stage.steps, stage.batch_size, stage.lr_patch) == (steps, batch, patch)
        rates = [stage.schedule.rate(step) for step in range(0, steps, max(1, steps // 2000))]
        assert rates[0] == pytest.approx(first, rel=1e-12)
        assert max(rates) == pytest.approx(highest, rel=0.003)
        near_zero = highest * 1e-5
        assert stage.schedule.rate(steps - 1) == pytest.approx(last, rel=1e-3, abs=near_zero)


def test_every_recipe_is_in_the_table_of_this_test() -> None:
    derived = {name for name in RECIPES if name[-1].isdigit() and name.startswith("fqsr")}
    assert set(RECIPES) == set(STAGES) | derived


@pytest.mark.parametrize(("name", "stage", "step", "rate"), RATES)
def test_rates_inside_stages(name: str, stage: int, step: int, rate: float) -> None:
    assert RECIPES[name].stages[stage].schedule.rate(step) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize("name", RECIPES)
def test_rates_fall_where_printed(name: str) -> None:
    stages = RECIPES[name].stages
    for stage, every in zip(stages, FALLS.get(name, [None] * len(stages)), strict=True):
        assert isinstance(stage.schedule, Step) == (every is not None)
        if every:
            first, factor = stage.schedule.rate(0), 0.6 if name == "boe-iot-aibd" else 0.5
            found = [stage.schedule.rate(step) for step in (every - 1, every, 2 * every)]
            assert found == pytest.approx([first, first * factor, first * factor**2])


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_every_network_of_the_zoo_has_its_recipe(entry: object) -> None:
    assert recipe(entry.recipe).name == entry.recipe  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", RECIPES)
def test_names_sources_and_notes_are_there(name: str) -> None:
    found = RECIPES[name]
    assert found.name == name == name.lower()
    assert found.source
    assert found.note
    assert recipe(name.upper()) is found


def test_an_unknown_recipe_is_an_error_with_names_that_are_near() -> None:
    with pytest.raises(UsageError) as caught:
        recipe("xlrs")
    assert str(caught.value) == (
        "there is no recipe 'xlrs' (the nearest names are xlsr, repgsr, klab_sr)"
    )


@pytest.mark.parametrize("name", RECIPES)
def test_which_stages_are_quantised(name: str) -> None:
    stages = RECIPES[name].stages
    expected = QUANTISED.get(name, [False] * (len(stages) - 1) + [True])
    assert [stage.quantisation is not None for stage in stages] == expected


@pytest.mark.parametrize("name", RECIPES)
def test_optimiser_is_adam_as_everybody_prints_it(name: str) -> None:
    for stage in RECIPES[name].stages:
        betas = (0.9, 0.99 if name in {"search", "final"} else 0.999)
        assert (stage.betas, stage.epsilon) == (betas, 1e-8)


def test_losses_are_those_printed() -> None:
    losses: dict[str, list[object]] = {
        "l2": [L2()],
        "xlsr": [Charbonnier(0.1)],
        "xcat": [Charbonnier(0.1), L2()],
        "along": [L1(), L2(), L2()],
        "mju_gogogo": [L1(), L2()],
        "scsrn": [L1(), L2(), DctL1(8)],
        "antins_cv": [PsnrLoss(), L2()],
        "vccip": [WeightedSum(((1.0, Charbonnier(1e-3)), (0.01, Perceptual())))] * 2,
        "doublez": [L1(), L2(), L2()],
        "jeremy-kwon": [S2dL1(3)] * 2,
        "lab216": [L1(), WeightedSum(((1.0, L1()), (0.1, Contrastive(16))))],
        "baseline": [Charbonnier(0.1)],
    }
    for name, found in RECIPES.items():
        expected = losses.get(name, [L1()] * len(found.stages))
        assert settings_of(name, "loss") == expected, name


def test_two_recipes_need_features() -> None:
    asking = {
        name
        for name, found in RECIPES.items()
        if any(feature_layers(stage.loss) for stage in found.stages)
    }
    assert asking == {"vccip", "lab216"}


def test_augmentation_is_as_printed() -> None:
    special = {
        "xlsr": [Augment(intensities=(1.0, 0.7, 0.5))],
        "baseline": [Augment(intensities=(1.0, 0.7, 0.5))],
        "xcat": [Augment(intensities=(1.0, 0.7, 0.5))] * 2,
        "scsrn": [Augment(), Augment(shuffle=True), Augment()],
    }
    for name, found in RECIPES.items():
        expected = special.get(name, [Augment()] * len(found.stages))
        assert settings_of(name, "augment") == expected, name


# What only some recipes do: setting, its value where it is not the default, by recipe.
TRICKS: list[tuple[str, dict[str, list[object]]]] = [
    ("weight_clip", {"scsrn": [1.0, 1.0, 1.0]}),
    ("ema_decay", {"pureconvsr": [0.999, 0.0], "search": [0.97], "final": [0.99]}),
    ("carry", {"pureconvsr": [False, True]}),
    ("prune", {"rpq": [None, Prune(35 / 48), None]}),
    ("distil", {"rpq": [0.0, 1.0, 0.0]}),
    ("activation", {"genmedia": ["silu", "relu"]}),
    ("fuse", {"tovb": [False, True], "rtsisr2022": [False, True, False]}),
    ("clip_in_loss", {"search": [False], "final": [False]}),
    ("centre_gradients", {"search": [True], "final": [True]}),
    ("optimizer", {"search": ["soap"], "final": ["soap"]}),
    ("adversarial", {"fqsr-srgan": [0.0, 1e-3, 1e-3]}),
]


@pytest.mark.parametrize(("setting", "special"), TRICKS, ids=[setting for setting, _ in TRICKS])
def test_tricks_are_where_they_were_published(
    setting: str, special: dict[str, list[object]]
) -> None:
    default = getattr(Stage(1), setting)
    for name, found in RECIPES.items():
        family = "fqsr-srgan" if name.startswith("fqsr-srgan") else name
        expected = special.get(family, [default] * len(found.stages))
        assert settings_of(name, setting) == expected, name


def test_every_setting_of_a_stage_is_used_by_a_recipe() -> None:
    fixed = {"betas", "epsilon"}
    for setting in Stage.__dataclass_fields__.keys() - fixed:
        values = {repr(getattr(s, setting)) for r in RECIPES.values() for s in r.stages}
        assert len(values) > 1, setting


def test_starts_are_as_printed() -> None:
    gains = {"xlsr": 0.1, "xcat": 0.1, "baseline": 0.1, "abpn": 0.5, "search": 0.49, "final": 0.49}
    for name, found in RECIPES.items():
        ours = name in {"search", "final"}
        assert found.gain**2 == pytest.approx(gains.get(name, 1.0)), name
        assert (found.start, found.ridge) == (("identity", 1.0) if ours else ("he", None)), name
        assert found.restarts == (2 if ours else 0), name


def test_sqcl_is_trained_with_where_it_was_published() -> None:
    for name, found in RECIPES.items():
        for stage in found.stages:
            if isinstance(stage.quantisation, Qat):
                assert stage.quantisation == Qat(sqcl=0.3 if name == "rpq" else 0.0)


@pytest.mark.parametrize("backbone", ["srresnet", "edsr", "srgan"])
def test_fqsr_is_there_at_every_tested_number_of_bits(backbone: str) -> None:
    """Weights, features, skips; the plain name has 8 bits everywhere."""
    bits = {
        "4-4-8": Fqsr(4, 4, 8),
        "4-4-32": Fqsr(4, 4, 32),
        "6-6-8": Fqsr(6, 6, 8),
        "8-8-8": Fqsr(8, 8, 8),
        "8-8-32": Fqsr(8, 8, 32),
    }
    plain = RECIPES[f"fqsr-{backbone}"]
    for name, expected in bits.items():
        found = RECIPES[f"fqsr-{backbone}-{name}"]
        assert found.stages[:-1] == plain.stages[:-1]
        assert found.stages[-1] == replace(plain.stages[-1], quantisation=expected)
        assert expected.grid == "code"
        assert (expected.daia, expected.sqcl) == (True, 0.3)
    assert plain.stages[-1].quantisation == bits["8-8-8"]


def test_hr_patches_of_fqsr_are_as_printed() -> None:
    (patch,) = {stage.lr_patch for stage in RECIPES["fqsr-edsr"].stages}
    assert (patch * 2, patch * 4) == (96, 192)


def test_blocks_of_losses_divide_the_patches_at_x3() -> None:
    for found in RECIPES.values():
        for stage in found.stages:
            if isinstance(stage.loss, DctL1 | S2dL1):
                assert stage.lr_patch * 3 % stage.loss.block == 0


def test_negatives_are_as_many_as_patches() -> None:
    stage = RECIPES["lab216"].stages[1]
    assert isinstance(stage.loss, WeightedSum)
    assert stage.loss.terms[1][1] == Contrastive(negatives=stage.batch_size)


def test_an_epoch_shows_each_image() -> None:
    assert [epoch_steps(batch) for batch in (4, 8, 16, 32, 64)] == [200, 100, 50, 25, 13]
    assert epoch_steps(16, images=801) == 51


def test_total_is_the_sum_of_the_stages() -> None:
    assert RECIPES["scsrn"].steps == (800 + 200 + 300) * 50
    assert RECIPES["xcat"].steps == 1_000_000
