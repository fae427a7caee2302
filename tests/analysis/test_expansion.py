"""The expansion of residual chains; its terms are compared with torch's linear layers and with autograd."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import pytest
import torch

import archspec
from archspec.analysis.expansion import Expansion, Term

CHAIN = """
name: chain
input: [5]
args: {units: int, branch: [linear: {out: 5, bias: false}], shortcut: [identity], between: [identity]}
blocks:
  unit: [add: [branch, shortcut]]
stages:
  first: unit
  rest: {repeat: {times: units - 1, layers: [between, unit]}}
"""
LINEAR = "[linear: {out: 5, bias: false}]"
TWO = "[linear: {out: 5, bias: false}, linear: {out: 5, bias: false}]"
PROJECTED = {"branch": TWO, "shortcut": LINEAR}


def chain(units: int, **layers: Any) -> archspec.Architecture:
    return archspec.load(CHAIN, units=units, **layers)


def operators(arch: archspec.Architecture, model: torch.nn.Module) -> tuple[Expansion, dict[str, torch.Tensor]]:
    """The matrix of each operator: the product of the weights of its layers."""
    expansion = arch.expansion()
    weights = dict(model.named_parameters())
    return expansion, {
        symbol: product([weights[f"{name}.weight"] for name in reversed(ops)]) for symbol, _, ops in expansion.legend()
    }


def product(matrices: Iterable[torch.Tensor]) -> torch.Tensor:
    return reduce(torch.matmul, matrices, torch.eye(5, dtype=torch.float64))


def total(terms: Iterable[Term], matrices: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return sum((product(matrices[symbol] for symbol in term) for term in terms), torch.zeros(5, 5, dtype=torch.float64))


CHAINS = [
    pytest.param(units, layers, id=f"{units}-{'-'.join(layers) or 'plain'}")
    for units in (1, 2, 3, 5)
    for layers in ({}, PROJECTED, {"between": LINEAR}, {"between": LINEAR, **PROJECTED})
]


@pytest.mark.parametrize(("units", "layers"), CHAINS)
def test_the_sum_of_the_terms_is_what_torch_computes(units: int, layers: dict[str, str]) -> None:
    arch = chain(units, **layers)
    model = arch.build(dtype=torch.float64)
    expansion, matrices = operators(arch, model)
    terms = list(expansion.terms())
    assert len(terms) == len(set(terms)) == 2**units == arch.paths().total
    x = torch.randn(5, dtype=torch.float64)
    torch.testing.assert_close(total(terms, matrices) @ x, model(x[None])[0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("units", "layers"), CHAINS)
def test_the_gradient_of_each_branch_is_autograds(units: int, layers: dict[str, str]) -> None:
    """dL/dW_k has 2^(n-1-k) terms."""
    arch = chain(units, **layers)
    model = arch.build(dtype=torch.float64)
    expansion, matrices = operators(arch, model)
    x, towards = torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    (model(x[None])[0] @ towards).backward()
    transposed = {symbol: matrix.T for symbol, matrix in matrices.items()}
    eye = torch.eye(5, dtype=torch.float64)
    for unit in range(units):
        terms = list(expansion.gradient(unit))
        assert len(terms) == len(set(terms)) == 2 ** (units - 1 - unit)
        x = matrices.get(f"T{unit}", eye) @ x
        *inner, last = (f"{name}.weight" for name in expansion.units[unit].branch)
        enters = product(model.get_parameter(name).detach() for name in reversed(inner)) @ x
        expected = torch.outer(total(terms, transposed) @ towards, enters)
        found = model.get_parameter(last).grad
        torch.testing.assert_close(expected, found, rtol=1e-12, atol=1e-12)
        x = (matrices[f"W{unit}"] + matrices.get(f"S{unit}", eye)) @ x


def test_three_units_as_they_are_written() -> None:
    """Veit et al. 2016, equation 6, with linear branches: eight terms."""
    found = chain(3).expansion()
    assert str(found) == "x3 = x0 + W0 x0 + W1 x0 + W1 W0 x0 + W2 x0 + W2 W0 x0 + W2 W1 x0 + W2 W1 W0 x0"
    assert found.gradient_formula(0) == "dL/dW0 = (I + W1ᵀ + W2ᵀ + W1ᵀ W2ᵀ) g x0ᵀ"
    assert found.gradient_formula(2) == "dL/dW2 = (I) g x2ᵀ"
    assert [(symbol, unit) for symbol, unit, _ in found.legend()] == [
        ("W0", "first"),
        ("W1", "rest.0.0"),
        ("W2", "rest.1.0"),
    ]


def test_a_long_sum_is_cut() -> None:
    assert chain(3).expansion().formula(3) == "x3 = x0 + W0 x0 + W1 x0 + …"
    found = archspec.load("cifar_preact_resnet110_A").expansion()
    assert len(found.units) == 54
    assert found.formula(2).endswith(" + …")


def test_a_unit_that_there_is_not() -> None:
    with pytest.raises(IndexError, match="units 0 to 2, not 3"):
        list(chain(3).expansion().gradient(3))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("vgg11", "vgg11 has no residual unit"),
        ("densenet121", "this concat is no sum of a branch and a shortcut"),
        ("googlenet_aux", "this concat is no sum"),
        (
            "name: a\ninput: [4]\nstages:\n  one: {add: [linear: 4, identity]}\n  two: {add: [[one, linear: 4], input]}\n",
            "no unit whose two ways part behind the unit before it",
        ),
        (
            "name: a\ninput: [4]\nstages:\n  one: {add: [linear: 4, identity]}\n  two: relu\noutputs: [one, two]\n",
            "a does not end behind its last unit",
        ),
    ],
)
def test_what_is_no_chain_is_refused_at_its_place(spec: str, message: str) -> None:
    with pytest.raises(archspec.SpecError, match=message) as caught:
        archspec.load(spec).expansion()
    assert caught.value.diagnostics[0].span.line > 1
