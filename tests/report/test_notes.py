import string

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from nas.report.notes import plain, trial_note
from nas.report.run_note import run_note

MARKS = "\\`*_{}[]<>()#!|~&:@"
MEASURED = {
    "score": 1051.2,
    "score_low": 804.2,
    "score_high": 1300.0,
    "latency_low_ms": 9.28,
    "latency_high_ms": 15.0,
    "latency_novelty": 3.67,
    "parameters": 14699,
    "macs": 3367526400,
    "zoo": "XCAT-B",
    "steps": 1000,
    "psnr_float_db": 32.6,
    "readings": "[[100, 31.9, 31.67], [1000, 32.6, 32.44]]",
    "train_s": 7.24,
    "quantize_s": 0.6,
    "evaluate_s": 0.4,
}


def trial_of(state=TrialState.COMPLETE, constraints=None, **attributes):
    values = [32.44, 11.48] if state == TrialState.COMPLETE else None
    trial = create_trial(
        state=state,
        values=values,
        user_attrs=attributes,
        system_attrs={"constraints": constraints} if constraints else {},
    )
    trial.number = 94
    return trial


def note_of(trial, *, picks=None, picture="", finalist=None, full_steps=1000):
    return trial_note(
        trial, picks=picks or {}, picture=picture, finalist=finalist, full_steps=full_steps
    )


def test_note_of_a_measured_network():
    note = note_of(trial_of(**MEASURED), picks={"first_kernel": 3}, picture="/artifacts/1/95/ab")
    assert note == (
        "Trained to the end, 1,000 steps.\n\n"
        "| | |\n|:--|:--|\n"
        "| published as | XCAT-B |\n"
        "| score | 1051 (804.2 to 1300, 80 % interval) |\n"
        "| predicted time | 11.5 ms (9.3 to 15.0, 80 % interval) |\n"
        "| novelty | interval 3.7 times as wide as amid measured networks |\n"
        "| PSNR | 32.44 dB as INT8, 32.60 dB as float: INT8 costs 0.16 dB |\n"
        "| as INT8 | 31.67 dB after 100, 32.44 dB after 1,000 |\n"
        "| size | 14,699 parameters, 3.37 GMACs |\n"
        "| seconds | 7.2 training, 0.6 quantising, 0.4 evaluating |\n"
        "| picks | first\\_kernel **3** |\n\n"
        "![The network of trial 94](/artifacts/1/95/ab)\n"
    )


def test_note_tells_what_the_cache_gave():
    note = note_of(trial_of(**MEASURED, cached_rungs=1))
    seconds = "7.2 training, 0.6 quantising, 0.4 evaluating"
    assert f"| seconds | {seconds}, 1 of 2 readings from the cache |" in note


def test_note_of_a_run_of_before_leaves_out_what_it_did_not_write():
    note = note_of(trial_of(score=5.0))
    told = "| score | 5 |\n| predicted time | 11.5 ms |\n| PSNR | 32.44 dB as INT8 |\n"
    assert note == f"Finished.\n\n| | |\n|:--|:--|\n{told}"


def test_loss_may_be_a_gain():
    assert "INT8 gains 0.04 dB |" in note_of(trial_of(psnr_float_db=32.4))


def test_headline_tells_what_became_of_a_trial():
    def first(trial):
        return note_of(trial).splitlines()[0]

    slow = trial_of(TrialState.PRUNED, (0.0, 11.2), reason="71 ms is over the limit")
    same = trial_of(TrialState.PRUNED, (0.0, 0.0), reason="duplicate of 3")
    assert first(slow) == "**Infeasible, refused before training:** 71 ms is over the limit"
    assert first(same) == "**Refused before training:** duplicate of 3"
    assert first(trial_of(TrialState.PRUNED)) == "**Refused before training:** no reason was kept"
    assert first(trial_of(TrialState.FAIL, reason="loss")) == "**Failed:** loss"
    assert first(trial_of(TrialState.RUNNING)) == "In training."
    assert first(trial_of(TrialState.WAITING)) == "Waits for its turn."
    assert first(trial_of(steps=100)) == "Stopped early, after 100 of 1,000 steps."


def test_note_says_what_quality_a_network_lacks():
    attributes = {"steps": 1000, "size_kib": 30.94, "memory_mb": 12.44}
    attributes |= {"parameters": 17, "macs": 1e9}
    note = note_of(trial_of(constraints=[0.0, 0.0, 0.126], **attributes))
    assert note.startswith(
        "Trained to the end, 1,000 steps. **Infeasible:** it lacks 0.13 dB of PSNR.\n"
    )
    assert "| file | 30.9 KiB at most, activations take 12.4 MB at once |" in note
    assert "Infeasible" not in note_of(trial_of(constraints=[0.0, 0.0, -0.1], **attributes))


def test_run_note_tells_every_limit(tmp_path):
    config = {"max_size_kib": 50.0, "min_psnr_db": 28.5, "max_memory_mb": None}
    told = "| limits | PSNR at least 28.5 dB, size at most 50.0 KiB |"
    assert told in run_note(tmp_path, config, None)


def test_constraints_that_optuna_5_stores_singly_count_too():
    study = optuna.create_study()
    trial = study.ask()
    trial.set_constraint("over the limit", 3.0)
    study.tell(trial, state=TrialState.PRUNED)
    assert note_of(study.trials[0]).startswith("**Infeasible")


def test_finalist_tells_what_was_converted():
    row = {"steps": 3000, "psnr_litert_int8_db": 32.488, "score": 1122.3, "best": True}
    assert "**Best of the run:** trained anew for 3,000 steps, 32.49 dB by LiteRT, score 1122." in (
        note_of(trial_of(), finalist=row)
    )
    timed = {"best": False, "measured_ms": 12.0, "measured_how": "measured by adb"}
    assert "**Finalist:** 12.00 ms measured by adb." in note_of(trial_of(), finalist=timed)


@given(st.text())
def test_plain_text_has_no_mark_that_means_anything(text):
    told = plain(text)
    bare = told.replace("\\\\", "")
    assert all(bare[k - 1] == "\\" for k, sign in enumerate(bare) if sign in MARKS and sign != "\\")
    assert "\n" not in told


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,;=%-", max_size=600))
def test_plain_text_keeps_what_means_nothing(text):
    assert plain(text) == " ".join(text.split())


def test_long_reason_is_cut():
    assert len(plain("a" * 10_000)) == 603


@pytest.mark.parametrize("text", ["<img src=x onerror=a()>", "[x](javascript:a)", "a | b"])
def test_reason_stays_in_its_line(text):
    note = note_of(trial_of(TrialState.FAIL, reason=f"{text}\n\n# big"), picks={"a|b": "<b>"})
    assert note.splitlines()[0] == f"**Failed:** {plain(text)} \\# big"
    assert "| picks | a\\|b **\\<b\\>** |" in note


def test_run_note_tells_what_was_asked_and_found(tmp_path):
    config = {
        "space": "hxnet",
        "device": "synaptics-vs680",
        "max_latency_ms": 40.0,
        "data": "photos",
        "valid": "holiday",
        "budget": 50,
        "sampler": "auto",
        "seed": 0,
    }
    best = {"trial": 7, "zoo": "", "psnr_litert_int8_db": 32.4, "latency_ms": 9.42, "score": 1240.0}
    note = run_note(tmp_path / "a_b", config, best)
    assert note.startswith("## a\\_b\n")
    assert "| limits | latency at most 40.0 ms |" in note
    assert "| images | photos, validated on holiday |" in note
    assert "| proposed by | auto, seed 0 |" in note
    assert "| best network | trial 7, 32.40 dB by LiteRT, 9.4 ms predicted, score 1240 |" in note
    assert "upscales" not in note
    assert "| report | `nas report a\\_b` writes it |" in note


def test_run_note_of_an_unfinished_run_says_so_and_names_a_report_that_is_there(tmp_path):
    (tmp_path / "report.html").touch()
    note = run_note(tmp_path, {}, None)
    assert "| best network | none is converted yet |" in note
    assert "report.html |" in note
