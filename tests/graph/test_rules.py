"""Legality on a mobile NPU: one legal and one illegal network for each rule."""

from dataclasses import replace

import pytest

from nas.errors import IllegalError
from nas.graph import (
    MOBILE_NPU,
    OPS,
    BatchNorm,
    Clip,
    Conv2d,
    Graph,
    GraphBuilder,
    Op,
    Relu,
    ResizeBicubic,
    Sigmoid,
    Tanh,
    TransposedConv2d,
    check_legal,
    violations,
)
from nas.graph.rewrites import fold_batch_norm
from nas.readers.weights import random_weights
from nas.zoo import ENTRIES


def chain(*ops: Op) -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, *ops))


CASES = {  # rule: legal, illegal, what is said of the illegal one
    "_kernel_is_of_a_known_size": (
        [Conv2d(3, kernel=9)],
        [Conv2d(3, kernel=11)],
        "node 1: kernel 11 is over 9, larger than any network published for NPUs",
    ),
    "_clip_is_the_image_range": (
        [Clip(0.0, 1.0)],
        [Clip(0.0, 0.5)],
        "node 1: a clip to other than 0..1 is no integer MINIMUM and RELU after rescaling",
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
    assert violations(chain(Conv2d(3, kernel=11)), without) == ()


def test_target_without_an_op_names_it() -> None:
    target = replace(MOBILE_NPU, name="no-relu", ops=OPS - {Relu})
    assert violations(chain(Relu()), target) == ("node 1: no-relu has no Relu",)
    assert violations(chain(Clip()), target) == ()


def test_kernel_of_a_transposed_convolution_is_judged_too() -> None:
    assert violations(chain(TransposedConv2d(3, 9, 3))) == ()
    assert violations(chain(TransposedConv2d(3, 11, 3))) == (
        "node 1: kernel 11 is over 9, larger than any network published for NPUs",
    )


def test_target_runs_all_but_two_ops() -> None:
    assert violations(chain(BatchNorm())) == ("node 1: mobile-npu has no BatchNorm",)
    assert violations(chain(ResizeBicubic(2))) == ("node 1: mobile-npu has no ResizeBicubic",)
    assert len(OPS - MOBILE_NPU.ops) == 2


def test_an_image_comes_out() -> None:
    assert violations(chain(Conv2d(4))) == ("the output has 4 channels, the input 3",)


def test_all_violations_are_said_at_once() -> None:
    graph = chain(BatchNorm(), Conv2d(513, kernel=11), Clip(0.0, 2.0))
    assert len(violations(graph)) == 4  # op, kernel, clip, output
    with pytest.raises(IllegalError, match=r"; the output has 513 channels, the input 3$"):
        check_legal(graph)


@pytest.mark.parametrize("op", [Sigmoid(), Tanh()], ids=str)
def test_curve_may_stand_anywhere_but_at_the_end(op: Op) -> None:
    assert violations(chain(op, Relu())) == ()
    assert violations(chain(op)) == (
        "the output is a sigmoid or tanh, whose integer codes are not those of uint8",
    )


BICUBIC = ["VDSR-RGBx3"]
NO_IMAGE = ["FQSR-SRGAN-D"]  # a discriminator


@pytest.mark.parametrize("name", sorted({*ENTRIES} - {*BICUBIC, *NO_IMAGE}))
def test_published_networks_are_legal_once_their_norms_are_folded(name: str) -> None:
    graph = ENTRIES[name].build()
    assert violations(fold_batch_norm(graph, random_weights(graph, seed=0))[0]) == ()


def test_published_networks_that_no_npu_runs() -> None:
    for name in BICUBIC:
        assert violations(ENTRIES[name].build()) == ("node 1: mobile-npu has no ResizeBicubic",)
    for name in NO_IMAGE:
        assert "the output has 1 channels, the input 3" in violations(ENTRIES[name].build())
