"""One step of an LSTM is torch.nn.LSTMCell."""

from __future__ import annotations

import pytest

import archspec
from tests.zoo.in_order import noise, torch


@pytest.mark.parametrize(("spec", "features", "hidden"), [("lstm_cell_10_20", 10, 20), ("lstm_cell_128_256", 128, 256)])
def test_cell(spec: str, features: int, hidden: int) -> None:
    model = archspec.load(spec).build(seed=0).double()
    reference = torch.nn.LSTMCell(features, hidden).double()
    renamed = {
        f"{kind}_{theirs}": model.state_dict()[f"cell.{ours}.{kind}"]
        for ours, theirs in (("input_gates", "ih"), ("hidden_gates", "hh"))
        for kind in ("weight", "bias")
    }
    reference.load_state_dict(renamed, strict=True)
    x, h, c = noise(3, features), noise(3, hidden, seed=7), noise(3, hidden, seed=8)
    ours, theirs = model(x, h, c), reference(x, (h, c))
    for our, their in zip(ours, theirs, strict=True):
        assert their.std() > 0
        torch.testing.assert_close(our, their, rtol=0, atol=1e-12)


def test_arguments() -> None:
    """The sizes are arguments: 4h(i + h + 2) parameters."""
    arch = archspec.load("lstm_cell_10_20", features=7, hidden=11)
    assert arch.params == 4 * 11 * (7 + 11 + 2)
    assert arch.macs == 4 * 11 * (7 + 11)
