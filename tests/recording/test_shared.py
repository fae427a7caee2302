"""Models that use modules and weights again become specs with `reuse`, or with tables as values."""

from __future__ import annotations

import pytest
import torch

import archspec
from archspec.codegen.fx.module_state import read_state
from tests.recording.proof import import_with_proof
from tests.recording.shared_models import SHARED_MODELS, Branches, LanguageModel


@pytest.mark.parametrize("name", SHARED_MODELS)
def test_a_model_that_shares_comes_back_with_its_weights_and_values(name: str) -> None:
    model, arch = import_with_proof(name, *SHARED_MODELS[name])
    assert arch.params == sum(parameter.numel() for parameter in model.parameters())
    built = arch.build()
    built.load_state_dict(read_state(model), strict=True)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "branches",
            ("inputs: {left: [2, 6, 6], right: [2, 6, 6]}", "{reuse: trunk, from: right}", "{reuse: project}"),
        ),
        ("unrolled", ("{reuse: cell, from: [token_out2, cell]}",)),
        ("levels", ("{reuse: head.tower, from: conv_out}",)),
        ("refined", ("{reuse: step}", "constant: {shape: [4, 4, 4]}", "batched: true")),
        ("elsewhere", ("{reuse: 0.shared}",)),
        ("language_model", ("lookup", "matmul: {transpose: true}")),
    ],
)
def test_what_is_used_again_is_said_by_its_name(name: str, lines: tuple[str, ...]) -> None:
    make, sizes = SHARED_MODELS[name]
    spec = archspec.imported(make(), sizes, name=name, proof=False).spec
    assert spec is not None
    for line in lines:
        assert line.strip("{}") in spec


def test_a_tensor_of_two_names_has_the_first_which_a_note_says() -> None:
    result = archspec.imported(LanguageModel, (5,), proof=False)
    assert result.notes[0] == "a tensor with several names has the first: decoder.weight is embed.weight"
    assert "decoder.weight" not in result.require().build().state_dict()


def test_the_source_of_a_model_that_shares_is_the_network() -> None:
    result = archspec.imported(Branches(), SHARED_MODELS["branches"][1], name="branches", proof=False)
    scope: dict[str, object] = {"__name__": "made"}
    exec(result.require().source(), scope)  # noqa: S102 -- our own text
    made = scope["Branches"]()  # type: ignore[operator]
    made.load_state_dict(result.model.state_dict(), strict=True)
    images = torch.rand(2, 2, 2, 6, 6).unbind()
    assert torch.equal(made.eval()(*images), result.model.eval()(*images))
