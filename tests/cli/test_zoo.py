"""`nas zoo` as a person calls it."""

import json
import sys
from typing import Any

import pytest

from nas.cli.main import main
from nas.zoo import ENTRIES
from nas.zoo import check as checking
from nas.zoo.check import Reference

Capture = pytest.CaptureFixture[str]


def run(line: str) -> int:
    """Calls `nas` in this process; its exit code."""
    before = sys.argv
    sys.argv = ["nas", *line.split()]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


def listed(line: str, capsys: Capture) -> list[dict[str, Any]]:
    assert run(f"zoo list {line} --json") == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def names(line: str, capsys: Capture) -> list[str]:
    return [fact["name"] for fact in listed(line, capsys)]


def test_list_has_every_network(capsys: Capture) -> None:
    assert names("", capsys) == list(ENTRIES)
    assert run("zoo list") == 0
    assert "SCSRN-1x1fuse" in capsys.readouterr().out


def test_list_has_everything_as_json(capsys: Capture) -> None:
    (fact,) = [fact for fact in listed("", capsys) if fact["name"] == "SCSRN"]
    assert (fact["family"], fact["year"], fact["team"]) == ("branched", 2022, "Z6")
    assert fact["forms"] == {"rep_block": 5}
    assert fact["readings"] == ["SCSRN-1x1fuse"]
    (size,) = [f for f in fact["published"] if f["name"] == "model_size_kib"]
    assert size["value"] == 67
    assert size["source"].endswith("Table 1")


FILTERS = [
    ("--family xlsr", ["XLSR", "XLSR-linear"]),
    ("--form dbb", ["Vccip-DBRepNet", "Vccip-x9"]),
    ("--form repvgg --year 2021", ["PRPSR"]),
    ("--max-parameters 8000", ["XCAT-L"]),
    ("--confidence stand-in --year 2021", ["mju_gogogo-EDSRatt"]),
    ("--scale 4 --max-parameters 400000", ["FQSR-SRResNet_woM-x4"]),
    ("--scale 7", []),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
def test_list_filters(filters: str, expected: list[str], capsys: Capture) -> None:
    assert names(filters, capsys) == expected
    assert run(f"zoo list {filters}") == 0


def test_list_sorts_by_a_published_figure_and_puts_the_others_last(capsys: Capture) -> None:
    ordered = names("--sort npu_ms", capsys)
    assert ordered[:2] == ["HOPN", "HOPN-5x32"]  # 15.0 ms
    assert ordered.index("mju_gogogo-EDSRatt") == 46  # 718 ms, the slowest of 47
    down = names("--sort npu_ms --descending", capsys)
    assert down[0] == "mju_gogogo-EDSRatt"
    assert set(down[47:]) == set(ordered[47:])


def test_list_sorts_by_a_count(capsys: Capture) -> None:
    assert names("--sort parameters", capsys)[0] == "XCAT-L"
    assert names("--sort macs --descending", capsys)[0] == "EDSR-x3"
    memory = [fact["peak_memory_bytes"] for fact in listed("--sort peak_memory_bytes", capsys)]
    assert memory == sorted(memory)


def test_sorted_figure_is_a_column(capsys: Capture) -> None:
    assert run("zoo list --family residual --sort npu_ms") == 0
    shown = capsys.readouterr().out
    assert "npu_ms" in shown
    assert "38.32" in shown
    assert run("zoo list --family xlsr --sort peak_memory_bytes") == 0
    assert "peak_memory_bytes" in capsys.readouterr().out


MISTAKES = [
    ("list --sort npu_m", "error: there is no figure 'npu_m' (did you mean npu_ms?)\n"),
    ("list --family xlr", "error: there is no family 'xlr' (did you mean xlsr?)\n"),
    ("list --form repvg", "error: there is no form 'repvg' (did you mean repvgg?)\n"),
    (
        "list --confidence 7",
        "error: there is no confidence '7' (there are exact, inferred, stand-in)\n",
    ),
    (
        "show xslr",
        "error: there is no published network 'xslr' "
        "(the nearest names are XLSR, ACSR, SCSRN; `nas zoo list` has all)\n",
    ),
    (
        "check nope",
        "error: there is no published network 'nope' "
        "(the nearest names are BOE, HOPN, NCNet; `nas zoo list` has all)\n",
    ),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistake_is_one_line(line: str, message: str, capsys: Capture) -> None:
    assert run(f"zoo {line}") == 2
    assert capsys.readouterr().err == message


def test_show_tells_figures_with_their_sources(capsys: Capture) -> None:
    assert run("zoo show icl") == 0
    shown = capsys.readouterr().out
    assert "rrrb (4 convolutions)" in shown
    (line,) = [line for line in shown.splitlines() if "train_parameters" in line]
    assert line.split(maxsplit=2)[1] == "140K"
    assert line.endswith("section 4.21")
    assert "conv(28, activation=relu, form=rrrb, expansion=2)" in shown


def test_show_names_the_other_readings(capsys: Capture) -> None:
    assert run("zoo show SCSRN") == 0
    assert "SCSRN-1x1fuse" in capsys.readouterr().out
    assert run("zoo show SCSRN-1x1fuse --json") == 0
    assert json.loads(capsys.readouterr().out)["reading_of"] == "SCSRN"


def test_show_says_which_figure_is_doubtful(capsys: Capture) -> None:
    assert run("zoo show IMDN-x3") == 0
    assert "500K" in (shown := capsys.readouterr().out)
    assert "doubtful: the canonical network has 703K" in shown


def test_check_counts_all(capsys: Capture) -> None:
    assert run("zoo check") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "92 networks, 0 mismatches"


def test_check_fails_where_a_count_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(checking, "reference_counts", lambda: {"XCAT": Reference(16_023, 1)})
    assert run("zoo check XCAT") == 1
    shown = capsys.readouterr().out
    assert "MACs" in shown
    assert shown.splitlines()[-1] == "1 network, 1 mismatch"
    assert run("zoo check XCAT --json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["rows"][0]["mismatches"] == ["MACs"]
    assert (found["networks"], found["mismatches"]) == (1, 1)


def test_check_compares_sizes(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    sizes = pytest.importorskip("nas.zoo.sizes")
    monkeypatch.setattr(sizes, "tflite_size_kib", lambda graph: 52.0)
    assert run("zoo check ABPN XCAT --tflite") == 0  # a size that differs is no mismatch
    shown = capsys.readouterr().out
    assert "-1.0" in shown
    assert "+22.0" in shown
    assert "1 of 2 files within 5 % or 3 KiB of the paper" in shown
    assert run("zoo check ABPN --tflite --json") == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["tflite_kib"], row["published_kib"], row["size_ok"]) == (52.0, 53, True)
