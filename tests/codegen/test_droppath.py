"""Stochastic depth as a module."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from archspec.codegen.fx import DropPath


@pytest.fixture
def ones() -> Tensor:
    torch.manual_seed(0)
    return torch.ones(4000, 2, 3)


def test_a_row_is_dropped_whole_and_the_rest_rescaled(ones: Tensor) -> None:
    dropped = DropPath(0.25)(ones)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (dropped == dropped[:, :1, :1]).all()
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)


def test_the_paper_rescales_in_evaluation(ones: Tensor) -> None:
    layer = DropPath(0.25, rescale="test")
    assert set(layer(ones).flatten().tolist()) == {0.0, 1.0}
    assert (layer.eval()(ones) == 0.75).all()
    assert DropPath(0.25).eval()(ones) is ones


def test_a_batch_is_dropped_or_kept_as_one() -> None:
    torch.manual_seed(0)
    layer = DropPath(0.5, mode="batch")
    results = [layer(torch.ones(3, 2)).unique().tolist() for _ in range(60)]
    assert sorted({tuple(result) for result in results}) == [(0.0,), (2.0,)]


@pytest.mark.parametrize(("p", "kept"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_ends(p: float, kept: float) -> None:
    for rescale in ("train", "test"):
        assert (DropPath(p, rescale=rescale)(torch.ones(5, 2)) == kept).all()


def test_a_gradient_flows_only_where_the_branch_is_kept() -> None:
    torch.manual_seed(0)
    x = torch.ones(50, 2, requires_grad=True)
    result = DropPath(0.5)(x)
    result.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, result.detach())


def test_it_compiles_whole() -> None:
    compiled = torch.compile(DropPath(0.5), backend="eager", fullgraph=True)
    assert set(compiled(torch.ones(50, 2)).flatten().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("options", [{"p": 1.5}, {"p": 0.5, "mode": "column"}, {"p": 0.5, "rescale": "never"}])
def test_what_it_refuses(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        DropPath(**options)  # type: ignore[arg-type]


def test_it_prints_its_options() -> None:
    assert repr(DropPath(0.5)) == "DropPath(p=0.5, mode=row, rescale=train)"
