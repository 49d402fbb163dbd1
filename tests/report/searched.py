"""A run whose study was written by the search's own functions, with made-up measurements."""

import json
import random
from itertools import islice
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial

from nas.latency.devices import load_device
from nas.search.candidates import Candidate, Judge, Refusal
from nas.search.config import SearchConfig
from nas.search.crops import (
    CROPS,
    FINALIST_STRIP,
    LR_STRIP,
    TRUTH_STRIP,
    details,
    details_file,
    strip_png,
    telling,
)
from nas.search.folder import create_run
from nas.search.mirror import Mirror
from nas.search.parameters import parameters_of, suggest
from nas.search.storage import open_storage, storage_url
from nas.search.study import claim, fail, finish, open_study, refuse
from nas.search.tasks import Measured
from nas.space import Pick, Space, load_space

LIMIT_MS = 40.0
RUNGS = (100, 300, 1000)
NUM_MEASURED = 12
HOSTILE = (
    "<img src=x onerror=\"document.title='hacked'\"> [x](javascript:document.title='hacked') "
    "![y](http://example.com/y.png) <script>document.title='hacked'</script> | a `b` & *c*"
)


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of `write_searched`; look, but do not write."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return write_searched(tmp_path_factory.mktemp("searched") / "run")


def write_searched(folder: Path) -> Path:
    """Trials of every kind: measured, refused as too slow, as illegal, as known, broken, running.

    Trial 0 and trial 1 are finalists, trial 1 the best.
    """
    config = SearchConfig(budget=NUM_MEASURED, max_latency_ms=LIMIT_MS, workers=2)
    create_run(folder, config.to_json())
    study = open_study(open_storage(storage_url(None, folder)), folder.name, resume=False)
    space, rng = load_space("hxnet"), random.Random(5)
    model = load_device("synaptics-vs680").model
    judge = Judge(space, model, scale=3, limits=config.limits)
    picks = [space.check(decisions) for decisions in list(space.known.values())[:4]]
    measured, slow = 0, 0
    while measured < NUM_MEASURED or slow < 2:
        pick = picks.pop(0) if picks else space.sample(rng)
        found = judge.look(pick)
        if isinstance(found, Candidate) and measured < NUM_MEASURED:
            trial_id = claim(study, _asked(space, pick), found, "search")._trial_id
            finish(study, trial_id, found, _measured(found, measured, rng), config)
            measured += 1
        elif isinstance(found, Refusal) and slow < 2:
            refuse(study, _asked(space, pick), found)
            slow += 1
    same = study.trials[0].user_attrs
    refusal = Refusal("duplicate of 0", "duplicate", (0.0, 0.0), same["digest"], same["network"])
    refuse(study, _asked(space, space.sample(rng)), refusal)
    refuse(study, _asked(space, space.sample(rng)), Refusal(HOSTILE, "illegal", (1.0, 0.0)))
    looks = (judge.look(space.sample(rng)) for _ in range(1000))
    broken, running = islice((found for found in looks if isinstance(found, Candidate)), 2)
    trial_id = claim(study, _asked(space, broken.pick), broken, "search")._trial_id
    fail(study, trial_id, "the loss is not a number")
    claim(study, _asked(space, running.pick), running, "search")
    _write_crops(folder, study)
    _write_finalists(folder, study)
    return folder


def _asked(space: Space, pick: Pick) -> FrozenTrial:
    mirror = Mirror(lambda seed: RandomSampler(seed=seed))
    trial = mirror.ask(parameters_of(space.choices, pick), seed=0)
    space.pick(lambda choice: suggest(trial, choice))
    return mirror.frozen(trial)


def _measured(candidate: Candidate, place: int, rng: random.Random) -> Measured:
    rungs = RUNGS[: 3 if place < 6 else 1 + place % 3]
    top_db = 29 + 0.1 * candidate.latency_ms**0.5
    readings = tuple(
        (steps, top_db + rung / 4 + 0.1, top_db + rung / 4 + rng.uniform(-0.05, 0.05))
        for rung, steps in enumerate(rungs)
    )
    return Measured(readings, train_s=2.5 * len(rungs), quantize_s=0.4, evaluate_s=0.6)


def _write_crops(folder: Path, study: optuna.Study) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    lr = truth[:, ::3, ::3]
    (folder / CROPS).mkdir()
    (folder / CROPS / LR_STRIP).write_bytes(strip_png(lr))
    (folder / CROPS / TRUTH_STRIP).write_bytes(strip_png(truth))
    upscaled = details(truth // 2, telling(lr, truth))
    for trial in study.trials:
        if trial.values:
            details_file(folder, trial.number).write_bytes(strip_png(upscaled))
    (folder / "finalists" / "1").mkdir(parents=True)
    (folder / "finalists" / "1" / FINALIST_STRIP).write_bytes(strip_png(truth // 3))


def _write_finalists(folder: Path, study: optuna.Study) -> None:
    rows = [
        {
            "trial": number,
            "zoo": study.trials[number].user_attrs["zoo"],
            "steps": 3000,
            "psnr_litert_int8_db": 30.5,
            "score": 612.25 - number,
            "latency_ms": study.trials[number].values[1],
        }
        for number in (1, 0)
    ]
    (folder / "finalists.json").write_text(json.dumps(rows))
