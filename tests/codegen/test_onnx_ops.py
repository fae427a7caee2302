"""Attention, windows, constants, lookups and shared layers in ONNX: onnxruntime computes what torch does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import archspec
from tests.grammar.modules import noise
from tests.sample import sampled

NETWORKS = {
    "rotary attention of grouped queries": """
name: a
input: {tokens: 6, features: 16}
stages:
  first:
    - bundle:
        - [linear: 16, splitheads: 4, rotary: 10000]
        - [linear: 8, splitheads: 2, rotary: 10000]
        - [linear: 8, splitheads: 2]
    - sdpa: {causal: true}
    - flatten: heads
  second: [rmsnorm, bundle: [[splitheads: 2, rotary: {base: 100, interleaved: true}], [splitheads: 2], [splitheads: 2]], sdpa: {scale: 0.3}, flatten: heads]
""",
    "shifted windows": """
name: a
input: [8, 8, 8]
args: {size: 4, heads: 2, shift: 2}
stages:
  image: {permute: [height, width, channels]}
  table: {parameter: {shape: {tokens: (2 * size - 1) * (2 * size - 1), heads: heads}, batched: false, init: {kind: normal}}, FROM: input}
  index: {constant: {shape: {tokens: size * size * size * size}, kind: relative_position, sizes: [size, size]}, FROM: input}
  bias: [{lookup: {}, FROM: [table, index]}, reshape: {tokens: size * size, features: size * size, heads: heads}]
  mask:
    constant:
      shape: {windows: 4, tokens: size * size, features: size * size}
      kind: shifted_windows
      sizes: [8, 8]
      kernel: [size, size]
      shift: [shift, shift]
      persistent: false
    FROM: input
  windows: {layers: [roll: {height: -shift, width: -shift}, window: size, linear: 24, split: [8, 8, 8]], FROM: image}
  heads: {each: {layers: [splitheads: heads]}, as: [q, k, v]}
  attended: [{sdpa: {}, FROM: [q, k, v, bias, mask]}, flatten: heads]
  back: [{unwindow: size, FROM: [attended, image]}, roll: {height: shift, width: shift}]
""",
    "layers and networks again": """
name: a
inputs: {left: [3, 16, 16], right: [3, 16, 16]}
args: {part: 4}
stages:
  trunk: {network: {spec: {name: part, input: [3, 8, 8], stages: {a: [{conv: {out: 4, kernel: 3, standardise: true}}, batchnorm, relu], b: {conv: {out: 4, parametrization: weight_norm}}}}}, FROM: left}
  other: {reuse: trunk, FROM: right}
  end: [concat: [trunk, other], globalpool, linear: {out: 4, parametrization: spectral_norm}]
""",
    "tokens and positions": """
name: a
input: {tokens: 6}
stages:
  table: {parameter: {shape: {tokens: 20, features: 8}, batched: false, init: {kind: normal}}}
  words: {lookup: {}, FROM: [table, input]}
  positions: {add: [words, constant: {shape: {tokens: 6, features: 8}, kind: sinusoids, persistent: false}]}
  qkv: {layers: [linear: 24, split: [8, 8, 8]], FROM: positions}
  heads: {each: {layers: [splitheads: 2]}, as: [q, k, v]}
  attended: [{sdpa: {causal: true}, FROM: [q, k, v]}, flatten: heads]
  logits: {matmul: {transpose: true}, FROM: [attended, table]}
""",
    "reductions and powers": """
name: a
input: [4, 6, 5]
stages:
  norms: [abs, clamp: {low: 0.1, high: 2}, power: 3, reduce: {axes: [height, width], kind: norm}]
  gate: {multiply: [input, [norms, sin]]}
  end: [add: [gate, reduce: {axes: channels}], normalize: channels, reduce: {axes: width, kind: max}, cos]
""",
}


@pytest.mark.parametrize("case", sampled(NETWORKS, {"shifted windows"}))
def test_onnx_computes_what_torch_does(case: str, tmp_path: Path) -> None:
    arch = archspec.load(NETWORKS[case].replace("FROM", "from"))
    built = arch.build().eval()
    arch.save(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession((tmp_path / "net.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    given = list(noise(arch))
    found = session.run(None, {one.name: x.numpy() for one, x in zip(session.get_inputs(), given, strict=True)})
    with torch.no_grad():
        expected = built(*given)
    for mine, theirs in zip(expected if isinstance(expected, tuple) else (expected,), found, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-4, atol=1e-5)
