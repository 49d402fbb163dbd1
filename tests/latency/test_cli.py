"""`nas latency` as a user types it."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cli.latency import app
from nas.cli.main import main
from nas.cli.named import named_networks, published
from nas.cli.networks import read_network
from nas.errors import DeviceError, RunError, TextError, UsageError, UserError
from nas.graph import parse_text, to_text
from nas.latency import backends
from nas.latency.calibrate import known_records
from nas.latency.devices import device_names, load_device
from nas.latency.records import load_records
from nas.zoo import zoo_entry
from tests.latency.stand_in import CONDITIONS, HEIGHT, WIDTH, StandIn, law_ms, no_conversion

SMALL = "synaptics-vs680-2021-cpu"  # five rows and a parent: made in a moment
XCAT = to_text(zoo_entry("XCAT").build(), separator="; ")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder in no checkout, so that nothing shipped is written to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def board(elsewhere: Path) -> Path:
    """The folder of a device that the stand-in measures, without rows and model."""
    folder = elsewhere / "latency_models" / "board"
    folder.mkdir(parents=True)
    text = (load_device("host-cpu").folder / "device.toml").read_text(encoding="utf-8")
    for old, new in (("host-cpu", "board"), ("360 ", f"{HEIGHT} "), ("640", f"{WIDTH}")):
        text = text.replace(old, new)
    text = text.replace('backend = "board"', 'backend = "host-cpu"')
    (folder / "device.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """What the commands open, whatever they ask for."""
    no_conversion(monkeypatch)
    program = StandIn()
    monkeypatch.setattr(backends, "open_backend", lambda *asked, **options: program)
    return program


def typed(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def answer(*words: str) -> Any:
    done = typed(*words, "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def refusal(*words: str) -> str:
    """What is said to a person; a refusal has a hint."""
    error = typed(*words).exception
    assert isinstance(error, UserError)
    assert error.hint
    return str(error)


def test_a_network_is_a_zoo_name_or_a_file(elsewhere: Path) -> None:
    graph = zoo_entry("XCAT").build()
    path = elsewhere / "mine.txt"
    path.write_text(to_text(graph))
    assert read_network("zoo:xcat") == read_network("XCAT") == read_network(str(path)) == graph


def test_a_wrong_network_is_a_user_error(elsewhere: Path) -> None:
    path = elsewhere / "mine.txt"
    path.write_text("0 input(3); 1 cnov(4)")
    with pytest.raises(UsageError, match=r"^there is no published network 'nothing'"):
        read_network("nothing")
    with pytest.raises(TextError) as caught:
        read_network(str(path))
    assert str(caught.value).startswith(f"{path}: line 2: expected '1 op(...)', got '1 cnov(4)'")
    with pytest.raises(UsageError) as missing:
        read_network("gone.txt")
    assert str(missing.value) == (
        "gone.txt cannot be read: No such file or directory "
        "(give a file in the text form, or a zoo name)"
    )


def test_a_network_may_be_a_trial_of_a_run(elsewhere: Path) -> None:
    run = elsewhere / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "config.json").write_text("{}")
    with pytest.raises(RunError) as early:
        named_networks(["mine#3"])
    assert str(early.value) == "run mine has no trials.csv yet (wait for it, or resume it)"
    with (run / "trials.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([("number", "network"), ("3", XCAT), ("4", "")])
    expected = [("mine#3", parse_text(XCAT))]
    assert named_networks(["mine#3"]) == expected
    assert [graph for _, graph in named_networks([f"{run}#3"])] == [expected[0][1]]
    for trial in ("4", "5"):
        with pytest.raises(RunError) as caught:
            named_networks([f"mine#{trial}"])
        assert str(caught.value) == (
            f"run mine has no network of a trial {trial} (see runs/mine/trials.csv)"
        )
    with pytest.raises(RunError, match="there is no run in runs/yours "):
        named_networks(["yours#3"])
    (elsewhere / "odd#1").write_text(XCAT)
    assert named_networks(["./odd#1"])[0][1] == expected[0][1]


def test_devices_are_listed_with_or_without_a_model(board: Path) -> None:
    found = {facts["name"]: facts for facts in answer("devices")}
    assert tuple(found) == device_names()
    vs680, shown, empty = found["synaptics-vs680"], found["galaxy-a21s"], found["board"]
    rows, graphs = vs680["rows"], vs680["fitted_graphs"]
    assert rows == len(load_records(load_device("synaptics-vs680"), published))
    assert graphs == load_device("synaptics-vs680").model.metadata["distinct_graphs"]
    assert vs680["backend"] is None
    assert vs680["card"].endswith("synaptics-vs680/card.md")
    assert (shown["rows"], shown["fitted_graphs"], shown["unseen"]) == (3, 0, None)
    assert (empty["rows"], empty["card"], empty["backend"]) == (0, None, "host-cpu")
    text = typed("devices").stdout
    assert f"  {rows} rows, published or typed in; a model of {graphs} graphs\n" in text
    assert "  3 rows, published or typed in: shown, not modelled\n" in text
    assert "  no rows yet: `nas latency calibrate --device board` measures some\n" in text
    assert "a model of 5 graphs, leaning on synaptics-vs680-cpu" in text


def test_predict_prints_data_a_script_can_read() -> None:
    found = answer("predict", "XCAT", "--device", "synaptics-vs680")
    keys = ["device", "high_ms", "latency_ms", "level", "low_ms", "network", "novelty"]
    assert sorted(found) == keys
    assert found["low_ms"] < found["latency_ms"] < found["high_ms"]
    assert found["level"] == 0.8
    assert answer("predict", "--network", "XCAT") == found  # the device is that of `nas search`


def test_predict_says_how_far_to_trust_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.latency.model import LatencyModel, Prediction

    found = Prediction(latency_ms=15.31, low_ms=13.64, high_ms=17.24, novelty=1.2)
    monkeypatch.setattr(LatencyModel, "predict", lambda model, graph: found)
    line = "15.3 ms on synaptics-vs680 (80 % interval 13.6 to 17.2 ms)\n"
    assert typed("predict", "HOPN").stdout == line
    found = replace(found, novelty=2.34)
    assert typed("predict", "HOPN").stdout == (
        line + "far from measured networks, or of ops that few of them have: "
        "the interval is 2.3 times as wide\n"
    )


def test_a_breakdown_adds_up() -> None:
    found = answer("predict", "XCAT", "--breakdown")
    shares = found["breakdown"]
    assert len(shares) == 18
    assert shares[0]["op"] == "any inference"
    assert [s["node"] for s in shares] == list(range(18))
    assert sum(s["latency_ms"] for s in shares) == pytest.approx(found["latency_ms"], abs=0.01)
    assert sum(s["share"] for s in shares) == pytest.approx(1, abs=0.01)
    text = typed("predict", "XCAT", "--breakdown").stdout.splitlines()
    rows = [line.split() for line in text if line[:5].strip().isdigit()]
    assert [row[0] for row in rows] == [str(place) for place in range(18)]
    most = max(shares, key=lambda share: share["share"])
    assert rows[most["node"]][-1] == "█" * 20
    assert rows[most["node"]][1] == most["op"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict"], "no network is named (such as zoo:xlsr, a file, or RUN#TRIAL)"),
        (["predict", "XCAT", "--network", "HOPN"], "XCAT and HOPN are too many networks (name 1)"),
        (["predict", "XCAT", "--device", "toaster"], "there is no device 'toaster' "),
        (["predict", "XCAT", "--device", "galaxy-a21s"], "galaxy-a21s has no model "),
        (["predict", "IMDN-x3"], "the latency model of synaptics-vs680 never saw "),
        (["validate", "toaster"], "there is no device 'toaster' "),
        (["measure", "--device", "host-cpu"], "no network is named "),
        (["measure", "XCAT", "--device", "toaster"], "there is no device 'toaster' "),
        (
            ["measure", "XCAT", "--device", "mali-g71-mp2"],
            "no program measures mali-g71-mp2 here (time a file of the network there; "
            "`nas latency calibrate --device mali-g71-mp2 --backend csv` makes files and reads ",
        ),
        (
            ["measure", "XCAT", "--device", "ethos-u65", "--threads", "2"],
            "the back-end vela has no option 'threads' (it has: accelerator)",
        ),
        (
            ["calibrate", "--device", "ethos-u65", "--table", __file__],
            "--table is for --backend csv, and ethos-u65 is measured by vela (leave it out)",
        ),
        (["calibrate", "--device", "host-cpu", "--space", "nowhere"], "there is no space 'nowher"),
    ],
)
def test_what_a_person_can_mend_is_said(words: list[str], message: str) -> None:
    assert refusal(*words).startswith(message)


def test_an_error_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nas", "latency", "predict"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "error: no network is named (such as zoo:xlsr, a file, or RUN#TRIAL)\n"
    )


def test_validate_makes_model_and_card(elsewhere: Path) -> None:
    shipped = load_device(SMALL).folder
    target = elsewhere / "latency_models" / SMALL
    shutil.copytree(shipped, target)
    for name in ("model.json", "card.md"):
        (target / name).unlink()
    found = answer("validate", SMALL)
    assert sorted(found) == ["device", "form", "fresh", "intervals", "n", "noise", "predictors"]
    assert (found["device"], found["n"], found["fresh"]) == (SMALL, 5, None)
    assert sorted(found["predictors"]) == ["macs", "mean", "model", "nearest", "parameters"]
    figures = found["predictors"]["model"]
    names = ["kendall", "mape", "median_ape", "rmse_ms", "spearman", "within_10", "within_5"]
    assert sorted(figures) == names
    assert sorted(found["intervals"]) == ["coverage", "level", "width"]
    model = load_device(SMALL).model
    assert found["form"]["macs"] == model.form.macs
    assert f"| this model | {figures['mape']:.1f} % |" in (target / "card.md").read_text()
    (facts,) = (facts for facts in answer("devices") if facts["name"] == SMALL)
    assert facts["unseen"]["mape"] == pytest.approx(figures["mape"], abs=1e-3)
    done = typed("validate", SMALL)
    assert f"this model {figures['mape']:8.1f}" in done.stdout
    assert "The 80 % interval holds " in done.stdout
    assert f"mean error {figures['mape']:.1f} %, " in typed("devices").stdout


def test_a_device_with_nothing_to_fit_gets_a_card_and_a_sentence(elsewhere: Path) -> None:
    done = typed("validate", "galaxy-a21s")
    assert done.stdout == "galaxy-a21s has no row to fit: it has a card, and no model\n"
    own = elsewhere / "latency_models" / "galaxy-a21s"
    assert done.stderr.endswith(f"wrote card.md of {own}\n")
    assert (own / "card.md").is_file()
    found = answer("validate", "galaxy-a21s")
    assert (found["n"], found["predictors"], found["form"]) == (0, {}, None)


def test_measure_prints_time_noise_and_conditions(board: Path, stand_in: StandIn) -> None:
    (found,) = answer("measure", "XCAT", "--device", "board")
    assert found["network"] == "XCAT"
    assert found["latency_ms"] == law_ms(zoo_entry("XCAT").build())
    assert (found["noise"], found["conditions"]["threads"]) == (0.004, 2)
    assert found["predicted"] is None
    done = typed("measure", "XCAT", "--network", "zoo:hopn", "--device", "board")
    assert f"XCAT: {found['latency_ms']:.2f} ms, noise 0.4 %; no model covers it\n" in done.stdout
    conditions = f"stand-in 1.0; INT8, input {WIDTH}x{HEIGHT}, threads: 2; as computed\n"
    assert done.stdout.count(conditions) == 2
    assert not (board / "measurements.csv").exists()


def test_measure_compares_with_the_model(board: Path, stand_in: StandIn) -> None:
    assert typed("calibrate", "--device", "board", "--samples", "9").exit_code == 0
    for graph, covered in (("XCAT", True), ("IMDN-x3", False)):
        (found,) = answer("measure", graph, "--device", "board")
        assert (found["predicted"] is not None) == covered
    assert "; the model expects " in typed("measure", "XCAT", "--device", "board").stdout


def test_a_saved_measurement_is_a_row(board: Path, stand_in: StandIn) -> None:
    (elsewhere := board.parents[1] / "mine.txt").write_text("0 input(3)\n1 conv(3)\n")
    words = ("measure", "zoo:xcat", str(elsewhere), "--device", "board", "--save")
    assert [facts["not_fitted"] for facts in answer(*words)] == ["", ""]
    again = answer(*words)
    assert [facts["not_fitted"] for facts in again] == [
        "measured before under the same conditions"
    ] * 2
    stand_in.conditions = replace(CONDITIONS, runtime="stand-in 2.0")
    text = typed("measure", "HOPN", "--device", "board", "--save").stdout
    assert "saved, but not fitted: no fitted row was measured under these conditions\n" in text
    records = load_records(load_device("board"), published)
    assert [record.network for record in records[:2]] == ["XCAT", "0 input(3); 1 conv(3)"]
    assert [record.used_for_fit for record in records] == [True, True, False, False, False]
    assert all(record.source.startswith("A stand-in, 20") for record in records)


def test_a_shipped_device_gets_its_rows_in_a_copy(
    elsewhere: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = load_device("ethos-u65")
    before = {file.name: file.read_bytes() for file in shipped.folder.iterdir()}
    stand_in.conditions = replace(CONDITIONS, height=360, width=640)
    stand_in.what = "Arm ethos-u65-256"
    monkeypatch.setattr(
        "nas.latency.calibrate.measurable_file", lambda graph, height, width, folder: folder
    )
    known = len(known_records(shipped, published))
    assert len(answer("measure", "XCAT", "HOPN", "--device", "ethos-u65", "--save")) == 2
    own = load_device("ethos-u65")
    assert own.folder == elsewhere / "latency_models" / "ethos-u65"
    assert len(load_records(own, published)) == known + 2
    assert {file.name: file.read_bytes() for file in shipped.folder.iterdir()} == before


def test_measure_asks_first_whether_it_can(board: Path, stand_in: StandIn) -> None:
    stand_in.busy = True
    error = typed("measure", "XCAT", "--device", "board").exception
    assert isinstance(error, DeviceError)
    assert str(error) == "this machine is busy (wait)"
    assert not stand_in.asked
