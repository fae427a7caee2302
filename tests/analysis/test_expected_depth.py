"""The expected depth of networks with stochastic depth, compared with the paper."""

from __future__ import annotations

from fractions import Fraction

import pytest

import archspec
from archspec.analysis.expected_depth import expected_depth
from archspec.ops.activation import ReLU
from archspec.ops.dropout import DropPath
from tests.hand import Hand

UNITS = """
name: units
input: [4, 2, 2]
args: {units: int, last: 1/2}
stages: {body: {repeat: {times: units, layers: [add: [[conv: 4], identity]]}}}
passes: [stochastic_depth: {survival: last, decay: linear}]
"""


@pytest.mark.parametrize(
    ("units", "kept", "variance"), [(54, "40.25", 9.1242), (75, "56", 12.6244), (600, "449.75", 100.1249)]
)
def test_linear_decay_keeps_what_the_paper_says(units: int, kept: str, variance: float) -> None:
    found = archspec.load(UNITS, units=units).expected_depth
    assert found is not None
    assert (found.kept, found.total) == (Fraction(kept), units)  # (3L - 1) / 4
    assert found.variance == sum(Fraction(n, 2 * units) * (1 - Fraction(n, 2 * units)) for n in range(1, units + 1))
    assert round(float(found.variance), 4) == variance


@pytest.mark.parametrize(("last", "kept"), [("0.8", 8), ("2/3", Fraction(20, 3)), ("1", 10)])
def test_uniform_decay(last: str, kept: int | Fraction) -> None:
    found = archspec.load(UNITS.replace("decay: linear", "decay: uniform"), units=10, last=last).expected_depth
    assert found is not None
    assert found.kept == kept
    assert found.variance == kept * (1 - Fraction(kept) / 10)


def test_probabilities_of_no_simple_fraction_count_as_they_are() -> None:
    hand = Hand()
    x = hand.one(DropPath(p=2**-30), hand.input("input", 4))
    found = expected_depth(hand.give(output=x))
    assert found is not None
    assert found.kept == 1 - Fraction(1, 2**30)


def test_the_bundled_networks() -> None:
    found = archspec.load("stochastic_depth_resnet110_cifar10").expected_depth
    assert found is not None
    assert found.as_dict() == {"kept": 40.25, "total": 54, "variance": pytest.approx(9.1242, abs=5e-5)}


def test_a_network_that_drops_nothing_has_none() -> None:
    hand = Hand()
    assert expected_depth(hand.give(output=hand.one(ReLU(), hand.input("input", 4)))) is None


def test_the_summary_says_it() -> None:
    summary = archspec.load("stochastic_depth_resnet110_cifar10").summary()
    assert "expected 40.25 of 54 residual branches kept in training on average (variance 9.1242)\n" in str(summary)
    assert summary.as_dict()["expected_depth"] == {
        "kept": 40.25,
        "total": 54,
        "variance": pytest.approx(9.1242, abs=5e-5),
    }
    plain = archspec.load("resnet18").summary()
    assert "residual branches" not in str(plain)
    assert plain.as_dict()["expected_depth"] is None
