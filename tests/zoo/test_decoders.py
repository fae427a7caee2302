"""GPT-2 and Llama 3, compared with references in plain torch: names, strict loading, logits; parameters of the published sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import archspec

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

SMALL_GPT = {"vocabulary": 50, "context": 16, "base": 32, "heads": 4, "depth": 2, "rate": 0.0}
SMALL_LLAMA = {"vocabulary": 50, "context": 16, "base": 32, "heads": 4, "groups": 2, "depth": 2, "hidden": 48}


def gpt2(weights: Mapping[str, Any], tokens: Any, heads: int, depth: int) -> Any:
    """The logits of GPT-2 from its weights by name, with attention written out."""
    x = weights["wte.weight"][tokens] + weights["wpe.weight"]
    count, width = x.shape[-2:]
    visible = torch.ones(count, count, dtype=torch.bool).tril()
    for layer in range(depth):
        own = {name.split(".", 2)[2]: weight for name, weight in weights.items() if name.startswith(f"h.{layer}.")}
        y = F.layer_norm(x, (width,), own["ln_1.weight"], own["ln_1.bias"])
        y = F.linear(y, own["attn.c_attn.weight"], own["attn.c_attn.bias"])
        query, key, value = (
            part.reshape(-1, count, heads, width // heads).transpose(1, 2) for part in y.split(width, dim=-1)
        )
        scores = query @ key.transpose(-1, -2) / (width // heads) ** 0.5
        y = scores.masked_fill(~visible, float("-inf")).softmax(-1) @ value
        y = y.transpose(1, 2).reshape(-1, count, width)
        x = x + F.linear(y, own["attn.c_proj.weight"], own["attn.c_proj.bias"])
        y = F.layer_norm(x, (width,), own["ln_2.weight"], own["ln_2.bias"])
        y = F.gelu(F.linear(y, own["mlp.c_fc.weight"], own["mlp.c_fc.bias"]), approximate="tanh")
        x = x + F.linear(y, own["mlp.c_proj.weight"], own["mlp.c_proj.bias"])
    return F.layer_norm(x, (width,), weights["ln_f.weight"], weights["ln_f.bias"]) @ weights["wte.weight"].T


def rms_norm(x: Any, weight: Any) -> Any:
    return x * (x.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt() * weight


def rotate(x: Any, base: float = 500000.0) -> Any:
    """Rotary positions by complex numbers: the features i and i + half are real and imaginary part."""
    count, width = x.shape[-2:]
    real, imaginary = x.chunk(2, -1)
    angles = torch.arange(count)[:, None] / base ** (torch.arange(width // 2) * 2 / width)
    turned = torch.complex(real, imaginary) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([turned.real, turned.imag], -1)


def llama(weights: Mapping[str, Any], tokens: Any, heads: int, groups: int, depth: int) -> Any:
    """The logits of Llama 3 from its weights by name, with attention written out."""
    x = weights["model.embed_tokens.weight"][tokens]
    count, width = x.shape[-2:]
    visible = torch.ones(count, count, dtype=torch.bool).tril()
    for layer in range(depth):
        prefix = f"model.layers.{layer}."
        own = {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
        y = rms_norm(x, own["input_layernorm.weight"])
        query, key, value = (
            (y @ own[f"self_attn.{name}_proj.weight"].T).reshape(len(y), count, number, -1).transpose(1, 2)
            for name, number in (("q", heads), ("k", groups), ("v", groups))
        )
        query, key = rotate(query), rotate(key).repeat_interleave(heads // groups, dim=1)
        scores = (query @ key.transpose(-1, -2) / (width // heads) ** 0.5).masked_fill(~visible, float("-inf"))
        y = scores.softmax(-1) @ value.repeat_interleave(heads // groups, dim=1)
        x = x + y.transpose(1, 2).reshape(len(y), count, width) @ own["self_attn.o_proj.weight"].T
        y = rms_norm(x, own["post_attention_layernorm.weight"])
        y = F.silu(y @ own["mlp.gate_proj.weight"].T) * (y @ own["mlp.up_proj.weight"].T)
        x = x + y @ own["mlp.down_proj.weight"].T
    return rms_norm(x, weights["model.norm.weight"]) @ weights["lm_head.weight"].T


def build(name: str, arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    """A small network with weights that are not those of its initialisation, and its printed source with the same."""
    arch = archspec.load(name, **arguments)
    model = arch.build(device="cpu", seed=0).double().eval()
    generator = torch.Generator().manual_seed(2)
    for weight in model.parameters():
        weight.data.normal_(0, 0.3, generator=generator)
    scope: dict[str, Any] = {}
    exec(arch.source(), scope)  # noqa: S102
    printed = next(
        value for value in reversed(scope.values()) if isinstance(value, type) and value.__module__ == "builtins"
    )().double()
    printed.load_state_dict(model.state_dict())
    return model, printed.eval()


REFERENCES: dict[str, tuple[Any, Any]] = {
    "gpt2": (SMALL_GPT, lambda weights, tokens: gpt2(weights, tokens, 4, 2)),
    "llama3_8b": (SMALL_LLAMA, lambda weights, tokens: llama(weights, tokens, 4, 2, 2)),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_logits_are_those_of_a_plain_reference(name: str) -> None:
    """In float64, up to 1e-6: the fused attention sums in another order, and angles of rotary positions are kept in float32."""
    arguments, reference = REFERENCES[name]
    model, printed = build(name, arguments)
    tokens = torch.randint(50, (3, 16), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = reference(model.state_dict(), tokens)
        made = model(tokens)
        torch.testing.assert_close(made, expected, rtol=1e-6, atol=1e-6)
        assert torch.equal(printed(tokens), made)
        exported: Any = torch.export.export(model, (tokens,)).module()
        torch.testing.assert_close(exported(tokens), made)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_token_does_not_depend_on_those_behind_it(name: str) -> None:
    model, _ = build(name, REFERENCES[name][0])
    tokens = torch.randint(50, (1, 16), generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 50
    with torch.no_grad():
        same = (model(tokens) == model(changed)).all(-1)
    assert same[0, :9].all()
    assert not same[0, 9:].any()


@pytest.mark.parametrize(("name", "params"), [("gpt2", 124439808), ("llama3_8b", 8030261248)])
def test_the_size_is_the_published_one(name: str, params: int) -> None:
    assert archspec.load(name).params == params
