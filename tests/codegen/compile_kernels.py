"""Compiles Triton's kernels for a GPU that need not be there, and prints how each reads and writes memory, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from archspec.codegen.fx.kernels import triton_kernels as kernels

TARGET = GPUTarget("cuda", 90, 32)
TILE = {"tall": 64, "wide": 64}
ALIGNED = [["tt.divisibility", 16]]


def compile_all() -> Iterator[tuple[str, list[str]]]:
    for dtype in ("bf16", "fp16", "fp32"):
        for code in kernels._CODES.values():
            options = {"has_bias": True, "has_other": True, "code": code, **TILE}
            yield f"finish {dtype} {code}", list_accesses(kernels._finish, dtype, options)
        for kind in (kernels._CLAMP, kernels._SCALE, kernels._SCALE_RELU):
            yield f"combine {dtype} {kind}", list_accesses(kernels._combine, dtype, {"kind": kind, **TILE})


def list_accesses(kernel: Any, dtype: str, options: Mapping[str, Any]) -> list[str]:
    """The instructions by which a kernel reads and writes memory, whose pointers and sizes are multiples of 16."""
    pointers = {"made", "bias", "other", "x", "pair", "result"}
    signature = {
        name: "constexpr" if name in options else f"*{dtype}" if name in pointers else "i32"
        for name in kernel.arg_names
    }
    aligned = {(place,): ALIGNED for place, name in enumerate(kernel.arg_names) if name not in options}
    compiled = triton.compile(
        ASTSource(kernel, signature, dict(options), attrs=aligned), target=TARGET, options=kernels.OPTIONS
    )
    return sorted(set(re.findall(r"(?:ld|st)\.global[\w.:]*", compiled.asm["ptx"])))


if __name__ == "__main__":
    print(json.dumps(dict(compile_all())))
