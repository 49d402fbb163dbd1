"""Legality on a mobile NPU: one legal and one illegal network for each rule."""

from dataclasses import replace

import pytest

from nas.errors import IllegalError
from nas.graph import (
    MOBILE_NPU,
    OPS,
    Clip,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Op,
    Relu,
    check_legal,
    violations,
)
from nas.zoo import ENTRIES


def chain(*ops: Op) -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, *ops))


CASES = {  # rule: legal, illegal, what is said of the illegal one
    "_kernel_fits_the_mac_array": (
        [Conv2d(3, kernel=7)],
        [Conv2d(3, kernel=9)],
        "node 1: kernel 9 is over 7, where NPUs fall back to the CPU",
    ),
    "_clip_is_the_image_range": (
        [Clip(0.0, 1.0)],
        [Clip(0.0, 0.5)],
        "node 1: a clip to other than 0..1 is no integer MINIMUM and RELU after rescaling",
    ),
    "_depth_to_space_is_last_resize": (
        [Conv2d(3 * 4**2), DepthToSpace(4)],
        [Conv2d(3 * 5**2), DepthToSpace(5)],
        "node 2: block 5 is over 4",
    ),
    "_channels_fit": (
        [Conv2d(512), Conv2d(3)],
        [Conv2d(513), Conv2d(3)],
        "node 1: 513 channels are over 512",
    ),
}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == {rule.__name__ for rule in MOBILE_NPU.rules}


@pytest.mark.parametrize("rule", CASES)
def test_rule_lets_the_legal_case_pass_and_names_the_illegal_one(rule: str) -> None:
    legal, illegal, text = CASES[rule]
    check_legal(chain(*legal))
    assert violations(chain(*illegal)) == (text,)
    graph = chain(*illegal)
    with pytest.raises(IllegalError) as caught:
        check_legal(graph)
    assert str(caught.value) == f"mobile-npu cannot run {graph.digest}: {text}"


def test_rules_are_judged_one_by_one() -> None:
    without = replace(
        MOBILE_NPU, rules=tuple(r for r in MOBILE_NPU.rules if "kernel" not in str(r))
    )
    assert violations(chain(Conv2d(3, kernel=9)), without) == ()


def test_target_without_an_op_names_it() -> None:
    target = replace(MOBILE_NPU, name="no-relu", ops=OPS - {Relu})
    assert violations(chain(Relu()), target) == ("node 1: no-relu has no Relu",)
    assert violations(chain(Clip()), target) == ()


def test_an_image_comes_out() -> None:
    assert violations(chain(Conv2d(4))) == ("the output has 4 channels, the input 3",)


def test_all_violations_are_said_at_once() -> None:
    graph = chain(Conv2d(513, kernel=9), Clip(0.0, 2.0))
    assert len(violations(graph)) == 5  # kernel, channels of two nodes, clip, output
    with pytest.raises(IllegalError, match=r"; the output has 513 channels, the input 3$"):
        check_legal(graph)


@pytest.mark.parametrize("name", ENTRIES)
def test_published_networks_are_legal(name: str) -> None:
    assert violations(ENTRIES[name].build()) == ()
