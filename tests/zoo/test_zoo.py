"""Published networks: counts, identity, and what a wrong name says."""

import json
from pathlib import Path
from typing import Any

import pytest

from nas.errors import UsageError
from nas.graph import Graph
from nas.readers.cost import count_fixed_parameters, count_macs, count_parameters
from nas.zoo import ENTRIES, zoo_entry, zoo_names_by_digest

SPEC = Path(__file__).parents[2].parent / "shared" / "zoo" / "zoo_spec.json"
PIXELS = 360 * 640

GOLDEN = [  # name, trainable parameters, MACs at 640x360
    ("XCAT", 16_023, 3_678_566_400),
    ("XLSR", 21_947, 4_980_326_400),
    ("ABPN", 42_539, 9_756_288_000),
    ("XCAT-D", 28_371, 6_523_545_600),
    ("XCAT-M", 13_688, 3_143_116_800),
    ("RepGSR", 50_175, 11_496_038_400),
    ("BilibiliAI", 52_499, 12_031_488_000),
    ("DoubleZ", 50_379, 11_549_952_000),
]


def conv(kernel: int, inputs: int, features: int) -> int:
    """Weights of a convolution, which are also its multiplications a pixel."""
    return kernel * kernel * inputs * features


@pytest.mark.parametrize(("name", "parameters", "macs"), GOLDEN, ids=[row[0] for row in GOLDEN])
def test_published_network_has_the_published_counts(name: str, parameters: int, macs: int) -> None:
    graph = zoo_entry(name).build()
    assert count_parameters(graph) == parameters
    assert count_macs(graph, height=360, width=640) == macs


def test_counts_of_xcat_written_out() -> None:
    head = conv(3, 3, 28)
    block = conv(1, 21, 21) + conv(3, 7, 7)  # 21 channels by 1x1, 7 by 3x3
    ends = conv(3, 28, 27) + conv(3, 27, 27)
    anchor = conv(1, 3, 27)  # frozen: nine identities
    biases = 28 + 2 * (21 + 7) + 27 + 27
    graph = zoo_entry("XCAT").build()
    assert count_parameters(graph) == head + 2 * block + ends + biases
    assert count_fixed_parameters(graph) == anchor
    assert count_macs(graph, 360, 640) == PIXELS * (head + 2 * block + ends + anchor)


def test_counts_of_abpn_written_out() -> None:
    weights = conv(3, 3, 28) + 4 * conv(3, 28, 28) + conv(3, 28, 27) + conv(3, 27, 27)
    graph = zoo_entry("ABPN").build()
    assert count_parameters(graph) == weights + 5 * 28 + 2 * 27
    assert count_macs(graph, 360, 640) == PIXELS * weights  # its anchor copies, which is free


def specified() -> dict[str, Any]:
    if not SPEC.is_file():
        pytest.skip(f"the specification of published networks is not at {SPEC}")
    return {row["name"]: row for row in json.loads(SPEC.read_text())}


@pytest.mark.parametrize("name", ENTRIES)
def test_counts_are_those_of_the_specification(name: str) -> None:
    row = specified()[name]
    graph = ENTRIES[name].build()
    assert count_parameters(graph) == row["params"]
    assert count_parameters(graph) + count_fixed_parameters(graph) == row["params_total"]
    assert count_macs(graph, 360, 640) == row["macs_640x360"]


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_upscales_by_three_and_says_where_it_comes_from(name: str) -> None:
    entry = ENTRIES[name]
    graph: Graph = entry.build()
    assert entry.name == name
    assert (graph.channels, graph.scale) == (3, 3)
    assert graph.shapes(8, 10)[-1].channels == 3
    assert entry.source
    assert entry.confidence in ("exact", "inferred", "stand-in")
    assert graph.digest == entry.build().digest


def test_name_is_found_whatever_its_case() -> None:
    assert zoo_entry("xcat-t3-21_7-M2-cross") is ENTRIES["XCAT-T3-21_7-m2-cross"]


def test_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UsageError) as caught:
        zoo_entry("xslr")
    assert str(caught.value).startswith("there is no published network 'xslr' (did you mean XLSR")
    assert str(caught.value).endswith("? `nas zoo list` has all)")


def test_name_like_none_gets_no_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        zoo_entry("00000")
    assert str(caught.value) == ("there is no published network '00000' (`nas zoo list` has all)")


def test_equal_networks_go_by_their_first_name() -> None:
    names = zoo_names_by_digest()
    assert {names[ENTRIES[n].build().digest] for n in ("ABPN", "TOVB-RBPN", "ABPN++", "ICL")} == {
        "ABPN"
    }
    assert names[ENTRIES["XCAT-A"].build().digest] == "XCAT"
    assert len(names) == len(ENTRIES) - len({"TOVB-RBPN", "ABPN++", "ICL", "XCAT-A"}) - len(
        {"XCAT-T3-21_7-m2-cross", "XCAT-T3-21_7-m4-cross"}
    )
