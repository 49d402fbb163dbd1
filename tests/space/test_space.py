"""Spaces: what they refuse, how they count, and what is next to a pick."""

import random
import sys
from dataclasses import replace
from typing import Any

import pytest

from nas.errors import SpaceError
from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.space import Choice, Pick, Space


def build(pick: Pick, scale: int) -> Graph:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(pick.width), g.input)
    if pick.extra == "conv":
        x = g.append(Conv2d(pick.width, kernel=pick.kernel), x)
    return g.graph(g.chain(x, Conv2d(3 * scale**2), DepthToSpace(scale)))


TOY = Space(
    name="toy",
    choices=(
        Choice("width", (4, 8, 16)),
        Choice("extra", ("none", "conv")),
        Choice("kernel", (1, 3), when={"extra": ("conv",)}),
    ),
    build=build,
    scales=(2, 3),
)


def test_size_counts_conditional_choices_where_they_are_active() -> None:
    assert TOY.size() == 3 * (1 + 1 * 2)
    assert len(list(TOY.picks())) == TOY.size()
    assert len({TOY.graph(pick).digest for pick in TOY.picks()}) == TOY.size()


def test_size_follows_a_condition_on_a_condition() -> None:
    space = replace(
        TOY, choices=(*TOY.choices, Choice("deep", (1, 2, 3, 4), when={"kernel": (3,)}))
    )
    assert space.size() == 3 * (1 + 1 + 4) == len(list(space.picks()))


def ignores_kernel(pick: Pick, scale: int) -> Graph:
    return build(Pick({**pick, "kernel": 3}), scale)


def test_distinct_networks_are_counted_by_building_them() -> None:
    assert TOY.count_distinct() == TOY.size() == 9
    assert replace(TOY, build=ignores_kernel).count_distinct(2) == 3 * 2


def test_distinct_networks_are_not_built_where_the_space_knows_or_has_too_many() -> None:
    unbuilt = replace(TOY, build=leaves)
    assert replace(unbuilt, distinct_at=(2,)).count_distinct(2) == 9
    with pytest.raises(SpaceError):
        replace(unbuilt, distinct_at=(2,)).count_distinct(3)
    thousand = tuple(range(1000))
    salts = (Choice("salt", thousand), Choice("pepper", thousand))
    many = replace(unbuilt, choices=(*TOY.choices, *salts))
    assert (many.size(), many.count_distinct()) == (9 * 10**6, None)


def test_distinct_networks_are_of_a_scale_of_the_space() -> None:
    for wrong in (lambda: TOY.count_distinct(5), lambda: replace(TOY, distinct_at=(3, 5))):
        with pytest.raises(SpaceError) as caught:
            wrong()
        assert str(caught.value) == "space 'toy' has no scale 5 (it has 2, 3)"


def test_pick_is_a_mapping_with_attributes() -> None:
    pick = TOY.check({"width": 8, "extra": "conv", "kernel": 3})
    assert (pick.width, pick["extra"], dict(pick)["kernel"]) == (8, "conv", 3)
    assert pick == TOY.check({"width": 8, "extra": "conv", "kernel": 3})
    assert len({pick, TOY.check({"width": 8, "extra": "conv", "kernel": 3})}) == 1
    assert repr(pick) == "Pick(width=8, extra='conv', kernel=3)"


def test_inactive_choice_is_no_attribute() -> None:
    pick = TOY.check({"width": 8, "extra": "none"})
    with pytest.raises(AttributeError) as caught:
        _ = pick.kernel
    assert str(caught.value) == "kernel is not an active choice of Pick(width=8, extra='none')"


def test_sample_repeats_with_its_seed_and_reaches_every_pick() -> None:
    rng = random.Random(0)
    seen = {TOY.sample(rng) for _ in range(300)}
    assert seen == set(TOY.picks())
    assert TOY.sample(random.Random(5)) == TOY.sample(random.Random(5))


def test_neighbours_differ_in_one_decision() -> None:
    pick = TOY.check({"width": 8, "extra": "conv", "kernel": 3})
    assert set(TOY.neighbours(pick)) == {
        TOY.check({"width": 4, "extra": "conv", "kernel": 3}),
        TOY.check({"width": 16, "extra": "conv", "kernel": 3}),
        TOY.check({"width": 8, "extra": "none"}),
        TOY.check({"width": 8, "extra": "conv", "kernel": 1}),
    }


def test_newly_active_choice_takes_its_first_option() -> None:
    plain = TOY.check({"width": 8, "extra": "none"})
    assert TOY.check({"width": 8, "extra": "conv", "kernel": 1}) in set(TOY.neighbours(plain))


REFUSED = [  # picks, what is said
    ({}, "space 'toy': choice 'width' is not decided"),
    ({"width": 8}, "space 'toy': choice 'extra' is not decided"),
    (
        {"width": 5, "extra": "none"},
        "space 'toy': width is one of (4, 8, 16), got 5",
    ),
    ({"width": 8, "extra": "conv"}, "space 'toy': choice 'kernel' is not decided"),
    (
        {"width": 8, "extra": "none", "kernel": 3},
        "space 'toy': kernel means nothing beside the other decisions",
    ),
    (
        {"width": 8, "extra": "none", "colour": 1, "beta": 2},
        "space 'toy': beta, colour means nothing beside the other decisions",
    ),
]


@pytest.mark.parametrize(("decisions", "message"), REFUSED)
def test_invalid_pick_names_the_choice(decisions: dict[str, int | str], message: str) -> None:
    for refuse in (TOY.check, TOY.graph):
        with pytest.raises(SpaceError) as caught:
            refuse(decisions)
        assert str(caught.value) == message


def test_scale_outside_the_space_is_refused() -> None:
    with pytest.raises(SpaceError) as caught:
        TOY.graph({"width": 8, "extra": "none"}, scale=5)
    assert str(caught.value) == "space 'toy' has no scale 5 (it has 2, 3)"


def test_builder_that_fails_names_space_and_pick() -> None:
    def fails(pick: Pick, scale: int) -> Graph:
        return build(pick, pick.size)

    with pytest.raises(SpaceError) as caught:
        replace(TOY, build=fails).graph({"width": 8, "extra": "none"})
    pick = "Pick(width=8, extra='none')"
    assert str(caught.value) == (
        f"space 'toy' cannot build {pick}: AttributeError: size is not an active choice of {pick} "
        "(mend its build())"
    )


def leaves(pick: Pick, scale: int) -> Graph:
    sys.exit(3)


BUILDERS = [  # what builds, what is said behind the pick
    (
        lambda pick, scale: build(pick, scale // 0),
        "ZeroDivisionError: integer division or modulo by zero",
    ),
    (lambda pick, scale: build(pick["size"], scale), "KeyError: 'size'"),
    (lambda pick, scale: 42, "it returns no Graph, but int"),
    (leaves, "SystemExit: 3"),
]


@pytest.mark.parametrize(("builder", "said"), BUILDERS, ids=[said for _, said in BUILDERS])
def test_whatever_a_builder_does_is_a_space_error(builder: Any, said: str) -> None:
    with pytest.raises(SpaceError) as caught:
        replace(TOY, build=builder).graph({"width": 8, "extra": "none"})
    where = "space 'toy' cannot build Pick(width=8, extra='none'): "
    assert str(caught.value) == f"{where}{said} (mend its build())"


WRONG = [  # choices, what is said
    (
        (Choice("a", (1,)), Choice("a", (2,))),
        "space 'toy', choice 'a' is there twice (give each choice its own name)",
    ),
    ((Choice("a", ()),), "space 'toy', choice 'a' needs distinct options, got () (name each once)"),
    (
        (Choice("a", (1, 1)),),
        "space 'toy', choice 'a' needs distinct options, got (1, 1) (name each once)",
    ),
    (
        (Choice("a", (1,), when={"b": (1,)}), Choice("b", (1,))),
        "space 'toy', choice 'a': 'when' asks 'b' for (1,), which no earlier choice has "
        "(a choice can depend on choices above it only)",
    ),
    (
        (Choice("a", (1, 2)), Choice("b", (1,), when={"a": (3,)})),
        "space 'toy', choice 'b': 'when' asks 'a' for (3,), which no earlier choice has "
        "(a choice can depend on choices above it only)",
    ),
]


@pytest.mark.parametrize(
    ("choices", "message"), WRONG, ids=["twice", "none", "same", "later", "odd"]
)
def test_space_that_makes_no_sense_is_refused(choices: tuple[Choice, ...], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        replace(TOY, choices=choices)
    assert str(caught.value) == message


def test_known_network_outside_the_space_is_refused() -> None:
    with pytest.raises(SpaceError) as caught:
        replace(TOY, known={"ABPN": {"width": 28}})
    assert str(caught.value) == (
        "space 'toy', known network 'ABPN': width is one of (4, 8, 16), got 28 "
        "(known networks must lie in the space)"
    )
