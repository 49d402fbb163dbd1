"""Dispatch by exact class: nothing is inherited, replaced or guessed."""

from dataclasses import dataclass

import pytest

from nas.errors import NasError, UnknownOpError
from nas.graph import OPS, Conv2d, Relu, Slice
from nas.readers.table import OpTable


def labels() -> OpTable[str]:
    table = OpTable[str]("label")
    table.on(Conv2d)(lambda op, unit: f"{op.features} {unit}")
    return table


def test_function_gets_the_op_and_the_other_arguments() -> None:
    assert labels()(Conv2d(8), "maps") == "8 maps"


def test_one_function_may_read_several_ops() -> None:
    table = labels()
    table.on(Relu, Slice)(lambda op: "free")
    assert (table(Relu()), table(Slice(0, 1))) == ("free", "free")


def test_missing_lists_what_is_not_registered() -> None:
    assert labels().missing() == OPS - {Conv2d}


def test_second_registration_is_refused() -> None:
    table = labels()
    with pytest.raises(NasError) as caught:
        table.on(Relu, Conv2d)(lambda op: "again")
    assert str(caught.value) == "label already reads Conv2d"
    assert table(Conv2d(8), "maps") == "8 maps"


def test_subclass_does_not_inherit_a_formula() -> None:
    @dataclass(frozen=True, slots=True)
    class Dilated(Conv2d):
        rate: int = 2

    with pytest.raises(UnknownOpError) as caught:
        labels()(Dilated(8), "maps")
    assert str(caught.value) == "label cannot read Dilated"


def test_op_without_a_formula_is_refused() -> None:
    with pytest.raises(UnknownOpError) as caught:
        labels()(Relu())
    assert str(caught.value) == "label cannot read Relu"
