"""BERT, compared with a reference in plain torch, and with the number of parameters of the published checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import archspec

torch = pytest.importorskip("torch")
F = torch.nn.functional

SMALL: dict[str, Any] = {"vocabulary": 50, "places": 24, "context": 16, "base": 32, "heads": 4, "depth": 2}


def bert(weights: Mapping[str, Any], words: Any, segments: Any, heads: int, depth: int) -> tuple[Any, Any]:
    """The hidden states and the pooled output of BERT from its weights by name, with attention written out."""

    def linear(x: Any, name: str) -> Any:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-12).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    count = words.shape[1]
    tables = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type"))
    word, position, segment = tables
    x = norm(word[words] + position[:count] + segment[segments], "embeddings.LayerNorm")
    width = x.shape[-1]
    for layer in range(depth):
        own = f"encoder.layer.{layer}"
        query, key, value = (
            linear(x, f"{own}.attention.{name}").reshape(-1, count, heads, width // heads).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        seen = (query @ key.transpose(-1, -2) / (width // heads) ** 0.5).softmax(-1) @ value
        seen = seen.transpose(1, 2).reshape(-1, count, width)
        x = norm(linear(seen, f"{own}.attention.output.dense") + x, f"{own}.attention.output.LayerNorm")
        inner = F.gelu(linear(x, f"{own}.intermediate.dense"))
        x = norm(linear(inner, f"{own}.output.dense") + x, f"{own}.output.LayerNorm")
    return x, torch.tanh(linear(x[:, 0], "pooler.dense"))


def test_outputs_are_those_of_a_plain_reference() -> None:
    """In float64, up to 1e-10: the fused attention sums in another order."""
    model = archspec.load("bert_base", **SMALL).build(device="cpu").double().eval()
    generator = torch.Generator().manual_seed(2)
    for weight in model.parameters():
        weight.data.normal_(0, 0.3, generator=generator)
    words = torch.randint(50, (3, 16), generator=generator)
    segments = torch.randint(2, (3, 16), generator=generator)
    with torch.no_grad():
        made = model(words, segments)
        for ours, theirs in zip(made, bert(model.state_dict(), words, segments, 4, 2), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("name", "params"), [("bert_base", 109_482_240), ("bert_large", 335_141_888)])
def test_the_size_is_that_of_the_published_checkpoint(name: str, params: int) -> None:
    assert archspec.load(name).params == params
