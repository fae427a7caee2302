"""Built and generated networks with axes in other orders and values without a batch compute the right values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archspec
from tests.grammar.modules import printed

PARAMETER = "parameter: {shape: [8, 6], batched: false, init: {kind: normal}}"
NETWORKS = {
    "signal": """
input: {channels: 4, length: 20}
stages:
  pad: {pad: [[1, 0]]}
  conv: {conv: {out: 6, kernel: 2}}
  act: {prelu: {shared: false}}
  more: {concat: [identity, upsample: 1]}
  pool: globalpool
  fc: {linear: 3}
""",
    "channels last": """
input: {height: 8, width: 6, channels: 3}
stages:
  embed: {linear: 4}
  norm: layernorm
  gate: {multiply: [identity, {parameter: {shape: [4], batched: false, init: {kind: normal}}}]}
  act: {prelu: {shared: false}}
  turn: {permute: [channels, height, width]}
  conv: {conv: {out: 5, kernel: 3}}
  norm2: layernorm
  pool: {globalpool: max}
""",
    "mixer": """
input: [3, 8, 8]
stages:
  stem: {conv: {out: 6, kernel: 4, stride: 4}}
  sequence: [flatten: height, permute: [tokens, features]]
  tokens: {add: [[layernorm, linear: {out: 5, axis: tokens}, gelu, linear: {out: 4, axis: tokens}], identity]}
  features: {add: [[layernorm, linear: 12, gelu, linear: 6], identity]}
  pool: globalpool
""",
    "attention by hand": """
input: [6, 8]
blocks:
  heads: [reshape: [6, 2, 4], permute: [1, 0, 2]]
stages:
  qkv: {bundle: {q: [linear: 8, heads], k: [linear: 8, heads], v: [linear: 8, heads]}, as: [q, k, v]}
  scores: {matmul: {transpose: true}, from: [q, k]}
  bias: {add: [identity, {parameter: {shape: {heads: 2, tokens: 6, features: 6}, batched: false, init: {kind: normal}}}]}
  weights: softmax
  seen: {matmul: {}, from: [weights, v]}
  joined: [permute: [1, 0, 2], reshape: [6, 8]]
  out: {linear: 8}
""",
    "learned tokens": """
input: [4, 8]
stages:
  tokens: {concat: [{parameter: {shape: [2, 8], batched: false, init: {kind: normal}}}, identity], with: {axis: tokens}}
  queries: {parameter: {shape: [3, 8], batched: false, init: {kind: normal}}}
  seen: {attention: 2, from: [queries, tokens]}
  turned: {permute: [features, tokens]}
  mixed: {attention: 4}
  one: {token: -1}
""",
    "no batch at all": """
input: [4]
stages:
  table: {parameter: {shape: [5, 4], batched: false, init: {kind: normal}}}
  row: [linear: 6, layernorm, {slice: {axis: tokens, stop: 3}}]
outputs: [row, table]
""",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_built_has_the_shapes_and_is_what_is_printed(name: str) -> None:
    arch = archspec.load(f"name: a\n{NETWORKS[name]}")
    built, model = arch.build(device="cpu").eval(), printed(arch.source()).eval()
    model.load_state_dict(built.state_dict(), strict=True)
    given = [torch.randn(2, *sizes) for sizes in arch.input_shapes.values()]
    outputs, others = several(built(*given)), several(model(*given))
    for value, other, output in zip(outputs, others, arch.graph.outputs.values(), strict=True):
        assert tuple(value.shape) == ((2,) if output.shape.batched else ()) + output.shape.sizes
        assert torch.equal(value, other)


def several(given: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return given if isinstance(given, tuple) else (given,)


def run(stages: str, given: Tensor, sizes: str) -> tuple[Tensor, nn.Module]:
    arch = archspec.load(f"name: a\ninput: {sizes}\nstages: {{{stages}}}")
    model = arch.build(device="cpu", seed=3).eval()
    with torch.inference_mode():
        return model(given), model


def test_a_signal_is_padded_along_its_length() -> None:
    given = torch.randn(2, 4, 8)
    made, model = run("pad: {pad: [[1, 0]]}, conv: {conv: {out: 6, kernel: 2}}", given, "{channels: 4, length: 8}")
    conv = model.get_submodule("conv")
    assert torch.equal(made, conv(functional.pad(given, (1, 0))))


def test_linear_maps_the_features_behind_a_permute() -> None:
    given = torch.randn(2, 4, 8)
    made, model = run("turn: {permute: [1, 0]}, fc: {linear: 16}", given, "[4, 8]")
    torch.testing.assert_close(made, model.get_submodule("fc")(given).transpose(1, 2))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("softmax: 0", lambda value: value.softmax(0)),
        ("slice: {axis: 0, start: 2, stop: 5}", lambda value: value[2:5]),
        ("reshape: [4, 12]", lambda value: value.reshape(4, 12)),
        ("permute: [1, 0]", lambda value: value.T),
        ("token: 2", lambda value: value[1]),
        ("globalpool: avg", lambda value: value.mean(0)),
        ("flatten: 0", lambda value: value.flatten()),
        ("pad: [[1, 0]]", lambda value: functional.pad(value, (0, 0, 1, 0))),
    ],
)
def test_a_parameter_without_a_batch(layers: str, expected: object) -> None:
    made, model = run(f"table: {{{PARAMETER}}}, one: {{{layers}}}", torch.randn(2, 3), "[3]")
    assert callable(expected)
    assert torch.equal(made, expected(model.get_parameter("table").detach()))


def test_a_branch_beside_a_value_without_a_batch_is_dropped() -> None:
    """The value in place of a dropped branch has the branch's shape and not the other operand's."""
    other = "[{parameter: {shape: [8], batched: false, init: {kind: normal}}}, relu]"
    dropped = "[linear: 8, {droppath: {p: 1.0, mode: batch}}]"
    arch = archspec.load(f"name: a\ninput: [8]\nstages: {{sum: {{add: [{other}, {dropped}]}}}}")
    built = arch.build(device="cpu").train()
    model = printed(arch.source()).train()
    model.load_state_dict(built.state_dict(), strict=True)
    for net in (built, model):
        assert net(torch.randn(2, 8)).shape == (2, 8)


@pytest.mark.parametrize("word", ["add", "concat", "multiply"])
def test_optimised_networks_take_values_without_a_batch(word: str) -> None:
    table = "parameter: {shape: [4, 6, 6], batched: false, init: {kind: normal}}"
    stages = f"a: {{conv: 4}}, b: {{{word}: [identity, {{{table}}}]}}, c: relu, d: {{concat: [identity, conv: 4]}}, e: {{concat: [identity, conv: 4]}}"
    arch = archspec.load(f"name: a\ninput: [3, 6, 6]\nstages: {{{stages}}}")
    fast = arch.optimize()
    plain, model = arch.build(device="cpu").eval(), fast.build(device="cpu").eval()
    model.load_state_dict(fast.map_weights(plain.state_dict()), strict=True)
    given = torch.randn(2, 3, 6, 6)
    with torch.inference_mode():
        torch.testing.assert_close(model(given), plain(given))


def test_a_block_in_two_layouts_is_printed_for_both() -> None:
    body = "norm: {layernorm: {axes: [axis]}}, fc: {linear: {out: 5, axis: axis}}"
    arch = archspec.load(
        "name: a\ninput: [3, 5, 6]\n"
        f"blocks: {{mix: {{args: {{axis: 1}}, layers: {{{body}}}}}}}\n"
        "stages: {one: {mix: 1}, two: {mix: 2}, three: {mix: 0}, four: {mix: 1}}"
    )
    built, model = arch.build(device="cpu").eval(), printed(arch.source()).eval()
    model.load_state_dict(built.state_dict(), strict=True)
    given = torch.randn(2, 3, 5, 6)
    assert torch.equal(built(given), model(given))
