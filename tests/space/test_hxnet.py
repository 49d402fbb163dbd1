"""The space of the XCAT paper holds the paper's networks, each once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.graph import violations
from nas.readers.cost import count_macs
from nas.space import Pick, load_space
from nas.zoo import ENTRIES
from tests.space.cut import narrowed
from tests.strategies import picks

HXNET = load_space("hxnet")
READINGS = ("XCAT-readA", "XCAT-readC")  # whose conv after the blocks is as wide as the body
IN_THE_SPACE = [n for n in ENTRIES if n.startswith("XCAT") and n not in READINGS]
SPLITS = [(21, 7), (28, 0), (16, 12), (7, 21), (16, 4), (24, 8), (56, 8)]


@pytest.fixture(scope="module")
def picks_by_digest() -> dict[str, Pick]:
    """Every pick near the paper's: its splits and depths, its kind of anchor."""
    found: dict[str, Pick] = {}
    for first, second in SPLITS:
        near = narrowed(
            HXNET,
            {
                "first_channels": (first,),
                "second_channels": (second,),
                "blocks": (2, 3, 4, 6, 8, 12),
                "anchor": ("nearest_conv", "copies", "none"),
                "clip": ("before",),
            },
        )
        found |= {near.graph(pick).digest: pick for pick in near.picks()}
    return found


@pytest.mark.parametrize("name", IN_THE_SPACE)
def test_search_finds_the_pick_of_each_published_network(
    name: str, picks_by_digest: dict[str, Pick]
) -> None:
    pick = picks_by_digest[ENTRIES[name].build().digest]
    assert HXNET.graph(pick) == ENTRIES[name].build()
    assert not [known for known in HXNET.known if known == name and HXNET.known[known] != pick]


def test_paper_has_twenty_six_rows_of_twenty_three_networks() -> None:
    assert len(IN_THE_SPACE) == 14 + 12  # XCAT and A-M, Table 3
    digests = {ENTRIES[name].build().digest for name in IN_THE_SPACE}
    assert len(digests) == 26 - 3  # A, 21_7-m2-cross and 21_7-m4-cross are there twice
    assert {HXNET.graph(pick).digest for pick in HXNET.known.values()} == digests


@pytest.mark.parametrize("name", HXNET.known)
def test_known_pick_builds_the_published_network_of_its_name(name: str) -> None:
    assert HXNET.graph(HXNET.known[name]).digest == ENTRIES[name].build().digest


def test_size_written_out() -> None:
    plain = 14 * 2  # first channels, kernel
    grouped = 14 * 10 * 2 * 2 * 3  # first and second channels, their kernels, mix
    anchors = 1 + 1 + 2 * 2 + 2 * 2  # none, input, two kinds x join, trained: kernel x join
    assert HXNET.size() == (plain + grouped) * 12 * 3 * anchors * 2 == 1_229_760


def test_every_pick_of_a_reduced_space_is_a_network_of_its_own() -> None:
    reduced = narrowed(
        HXNET,
        {
            "first_channels": (4, 8),
            "second_channels": (0, 4, 8),
            "blocks": (1, 2),
            "clip": ("before", "after"),
        },
    )
    every = list(reduced.picks())
    digests = {HXNET.graph(pick).digest for pick in every}
    assert reduced.size() == len(every) == len(set(every)) == len(digests)
    assert len(every) == (2 * 2 + 2 * 2 * 2 * 2 * 3) * 2 * 3 * 10 * 2


@given(pick=picks(HXNET), scale=st.sampled_from(HXNET.scales))
@settings(max_examples=150)
def test_every_pick_builds_is_legal_and_upscales(pick: Pick, scale: int) -> None:
    graph = HXNET.graph(pick, scale=scale)
    assert violations(graph) == ()
    assert graph.scale == scale
    assert graph.shapes(5, 7)[-1].channels == 3


@given(pick=picks(HXNET))
@settings(max_examples=60)
def test_neighbours_are_valid_and_differ_in_one_decision(pick: Pick) -> None:
    near = list(HXNET.neighbours(pick))
    assert len(near) == len(set(near)) > 30
    for other in near:
        assert HXNET.check(other) == other
        changed = [name for name in pick if name in other and pick[name] != other[name]]
        assert len(changed) == 1
        others = {c.name: c for c in HXNET.choices if c.name in other and c.name not in pick}
        assert all(changed[0] in c.when and other[n] == c.options[0] for n, c in others.items())


@given(pick=picks(HXNET))
def test_more_blocks_never_mean_fewer_macs(pick: Pick) -> None:
    deeper = HXNET.check({**pick, "blocks": min(12, pick.blocks + 1)})
    assert count_macs(HXNET.graph(deeper), 12, 12) >= count_macs(HXNET.graph(pick), 12, 12)
