"""What holds in each space that comes with nas: every pick is a network, and how many there are."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.graph import Add, Conv2d, parse_text, to_text, violations
from nas.space import Option, Space, load_space
from tests.space.cut import narrowed
from tests.strategies import picks

SPACES = {name: load_space(name) for name in ("anchor", "gblock", "mobile", "residual")}
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)

ANCHOR_PART = {
    "width": (12, 28),
    "head_kernel": (3,),
    "depth": (1, 2),
    "form": ("plain", "rep_block", "ecb"),
    "expansion": (2,),
    "limit": ("relu", "conv", "none"),
}
PARTS: dict[str, Mapping[str, Iterable[Option]]] = {
    "anchor": ANCHOR_PART,
    "gblock": {
        "heads": (1, 2),
        "head_channels": (8, 16),
        "width": (16, 32),
        "gblocks": (1, 2),
        "skip_channels": (0, 16),
        "fuse_width": (16, 32),
        "limit": ("before", "none"),
    },
    "residual": {
        "width": (16, 32),
        "blocks": (1, 2),
        "extraction_bits": (8, 4),
        "mapping_bits": (8,),
        "reconstruction_bits": (8,),
        "skip_bits": (8, 4),
    },
}


@each_space
@given(data=st.data())
@settings(max_examples=2000, deadline=None)
def test_every_pick_builds_is_legal_and_upscales(space: Space, data: st.DataObject) -> None:
    scale = data.draw(st.sampled_from(space.scales))
    graph = space.graph(data.draw(picks(space)), scale=scale)
    assert violations(graph) == ()
    assert graph.scale == scale
    assert graph.shapes(6, 8)[-1].channels == 3


@each_space
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_text_form_of_a_pick_is_the_same_network(space: Space, data: st.DataObject) -> None:
    graph = space.graph(data.draw(picks(space)))
    assert parse_text(to_text(graph)) == graph


@each_space
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_neighbours_are_valid_and_differ_in_one_decision(space: Space, data: st.DataObject) -> None:
    pick = data.draw(picks(space))
    near = list(space.neighbours(pick))
    assert len(near) == len(set(near)) > 10
    for other in near:
        changed = [name for name in pick if name in other and pick[name] != other[name]]
        assert len(changed) == 1
        opened = {c.name: c for c in space.choices if c.name in other and c.name not in pick}
        assert all(other[name] == choice.options[0] for name, choice in opened.items())
    digests = {space.graph(other).digest for other in near[:20]}
    assert space.graph(pick).digest not in digests or not space.distinct_at


@pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in PARTS for scale in SPACES[name].distinct_at]
)
def test_every_pick_of_a_part_is_a_network_of_its_own(name: str, scale: int) -> None:
    part = narrowed(SPACES[name], PARTS[name])
    assert 500 < part.size() < 10_000
    assert part.count_distinct(scale) == len(list(part.picks())) == part.size()


def test_output_conv_of_the_width_of_the_body_is_one_conv_more() -> None:
    part = narrowed(
        SPACES["anchor"],
        ANCHOR_PART | {"anchor": ("none", "copies"), "form": ("plain",), "limit": ("after",)},
    )
    assert part.count_distinct(3) == part.size() == 2 * 2 * 2 * 2 * (1 + 4)
    twice = 2 * (1 + 4)  # 12 channels, depth 1 with the extra conv: depth 2 without
    assert part.count_distinct(2) == part.size() - twice


def test_sizes_written_out() -> None:
    anchors = 1 + (2 + 2 * 2) * 4 + 2 * 3  # none; two kinds, trained kernel x form; as it is
    forms = 1 + 3 * 3 + 4 * 5 * 3 + 5  # plain; three; four with expansion; ecb
    sizes = {
        "anchor": 10 * 2 * 12 * 2 * 2 * anchors * 5 * forms,
        "gblock": 3 * 3 * 4 * 4 * 6 * (1 + 3 * 2) * 4 * 3,
        "residual": 5 * 9 * 2**7 * 3**4,
    }
    assert {name: SPACES[name].size() for name in sizes} == sizes
    stems = 10 * 3 * 12 * 3 * 4
    blocks = 9 * 8 * (1 + 3) * (5 + 4) * 2
    branches = 10 * 4 * 2 * 2 * 3 * 4
    ghosts = 10 * 12 * 2 * 3 * 4 * (3 + 4 * 4)
    hxnet = 1_229_760 // 3 * 4  # one conv after the last block more
    parts = sizes["anchor"] + sizes["gblock"] + hxnet + stems + blocks + branches + ghosts
    assert SPACES["mobile"].size() == parts
    assert SPACES["mobile"].count_distinct() is None


@given(pick=picks(SPACES["residual"]))
@settings(deadline=None)
def test_bits_are_those_of_the_parts(pick: dict[str, int]) -> None:
    ops = [node.op for node in SPACES["residual"].graph(pick).nodes]
    convs = [op.bits for op in ops if isinstance(op, Conv2d)]
    mapping = 2 * pick["blocks"] + 1
    assert convs[0] == pick["extraction_bits"]
    assert set(convs[1 : 1 + mapping]) == {pick["mapping_bits"]}
    assert set(convs[1 + mapping :]) == {pick["reconstruction_bits"]}
    assert {op.bits for op in ops if isinstance(op, Add)} == {pick["skip_bits"]}
