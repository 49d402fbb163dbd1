"""A union of spaces: the family is a choice, and everything else is that of the family."""

from dataclasses import replace

import pytest

from nas.errors import SpaceError
from nas.space import Choice, union
from tests.space.test_space import TOY

SMALL = replace(
    TOY,
    choices=(Choice("width", (4,)), Choice("extra", ("none",))),
    scales=(3, 4),
    known={"Tiny": {"width": 4, "extra": "none"}},
)
BOTH = union("both", {"toy": TOY, "small": SMALL}, about="two")


def test_choices_are_those_of_the_family() -> None:
    assert [choice.name for choice in BOTH.choices] == [
        "family",
        "toy.width",
        "toy.extra",
        "toy.kernel",
        "small.width",
        "small.extra",
    ]
    assert BOTH.choices[3].when == {"family": ("toy",), "toy.extra": ("conv",)}
    assert BOTH.scales == (3,)


def test_picks_are_those_of_the_families() -> None:
    assert BOTH.size() == len(list(BOTH.picks())) == TOY.size() + SMALL.size() == 10
    built = {BOTH.graph(pick) for pick in BOTH.picks()}
    assert built == {TOY.graph(pick) for pick in TOY.picks()}
    assert BOTH.count_distinct() == 9


def test_known_networks_stay_known() -> None:
    pick = BOTH.known["Tiny"]
    assert pick == {"family": "small", "small.width": 4, "small.extra": "none"}
    assert BOTH.graph(pick) == SMALL.graph(SMALL.known["Tiny"])


def test_families_without_a_common_scale_are_refused() -> None:
    with pytest.raises(SpaceError) as caught:
        union("none", {"toy": TOY, "small": replace(SMALL, scales=(4,))})
    assert str(caught.value) == (
        "space 'none': its families have no scale in common (give them one, or leave one out)"
    )
