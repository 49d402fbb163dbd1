"""Published networks: counts, identity, and what a wrong name says."""

import pytest

from nas.errors import UsageError
from nas.readers.cost import count_fixed_parameters, count_macs, count_parameters
from nas.zoo import (
    ENTRIES,
    FAMILIES,
    family_of,
    mobile_x3_names,
    variants_of,
    zoo_entry,
    zoo_names_by_digest,
)

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


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_says_where_it_comes_from(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.name == name
    assert all((entry.source, entry.team, entry.year, entry.recipe))
    assert entry.confidence in ("exact", "inferred", "stand-in")
    assert entry.confidence == "exact" or entry.note
    assert entry.build().digest == entry.build().digest


@pytest.mark.parametrize("name", ENTRIES)
def test_variant_shares_the_recipe_of_its_origin(name: str) -> None:
    entry = ENTRIES[name]
    if entry.reading_of and "SRGAN" not in name:  # a generator is trained in another way
        assert entry.recipe == ENTRIES[entry.reading_of].recipe
        assert name in variants_of(entry.reading_of)


def test_scales_are_those_of_the_papers() -> None:
    scales = {name: entry.build().scale for name, entry in ENTRIES.items()}
    assert {name for name, scale in scales.items() if scale == 0} == {"FQSR-SRGAN-D"}
    for scale in (2, 4):
        others = {f"FQSR-{kind}-x{scale}" for kind in ("SRResNet", "EDSR", "SRGAN-G")}
        others |= {f"FQSR-SRResNet_{kind}-x{scale}" for kind in ("Lite", "woM")}
        assert {name for name, found in scales.items() if found == scale} == others


def test_families_divide_the_entries() -> None:
    assert [entry.name for some in FAMILIES.values() for entry in some] == list(ENTRIES)
    assert len(ENTRIES) == 92
    assert family_of("XCAT-A") == "xcat"


def test_mobile_names_are_those_an_npu_can_run() -> None:
    names = mobile_x3_names()
    assert set(ENTRIES) - set(names) == {
        "VDSR-RGBx3",  # bicubic
        *(name for name in ENTRIES if name.startswith("FQSR")),  # other scales
    }


FORMS = [  # name, convolutions by form
    ("SCSRN", {"rep_block": 5}),
    ("RPQ", {"collapsible": 5}),
    ("PureConvSR", {}),
    ("PRPSR", {"repvgg": 5}),
    ("Vccip-DBRepNet", {"dbb": 6}),
    ("TOVB-RBPN", {"repvgg": 7}),
    ("Rtsisr2022", {"repvgg": 7}),
    ("ACSR", {"rep_block": 12}),
    ("RepGSR", {"rep_block": 18}),
    ("ICL", {"rrrb": 4}),
    ("Noahtcv", {"kernel_network": 1}),
]


@pytest.mark.parametrize(("name", "forms"), FORMS, ids=[row[0] for row in FORMS])
def test_convolutions_train_in_the_published_form(name: str, forms: dict[str, int]) -> None:
    assert zoo_entry(name).forms == forms


def test_name_is_found_whatever_its_case() -> None:
    assert zoo_entry("xcat-t3-21_7-M2-cross") is ENTRIES["XCAT-T3-21_7-m2-cross"]


def test_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UsageError) as caught:
        zoo_entry("xslr")
    assert str(caught.value) == (
        "there is no published network 'xslr' "
        "(the nearest names are XLSR, ACSR, SCSRN; `nas zoo list` has all)"
    )


def test_name_like_none_gets_the_nearest_ones_too() -> None:
    with pytest.raises(UsageError, match=r"the nearest names are \S+, \S+, \S+; `nas zoo list`"):
        zoo_entry("00000")


def test_equal_networks_go_by_their_first_name() -> None:
    names = zoo_names_by_digest()
    assert names[ENTRIES["ABPN++"].build().digest] == "ABPN"
    assert names[ENTRIES["XCAT-A"].build().digest] == "XCAT"
    assert names[ENTRIES["XCAT-readC"].build().digest] == "XCAT-readA"


@pytest.mark.parametrize("name", ["TOVB-RBPN", "ICL"])
def test_network_with_a_form_keeps_its_name_until_it_is_deployed(name: str) -> None:
    names, graph = zoo_names_by_digest(), ENTRIES[name].build()
    assert names[graph.digest] == name
    assert names[graph.deployed.digest] == "ABPN"


def test_deployed_network_that_equals_no_other_keeps_its_name() -> None:
    assert zoo_names_by_digest()[ENTRIES["SCSRN"].build().deployed.digest] == "SCSRN"
