"""Compiles Triton's kernels for a GPU that need not be there, and prints how each reads and writes memory, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from archspec.codegen.fx.kernels import triton_channels, triton_norms, triton_pointwise, triton_windows

TARGET = GPUTarget("cuda", 90, 32)
TILE = {"tall": 64, "wide": 64, "unit": 8}
WINDOW = {"kernel_height": 3, "kernel_width": 3, "step_down": 2, "step_right": 2, "pad_above": 1, "pad_left": 1}
BLOCKS = {"channels": 3, "step_down": 2, "step_right": 2, "lead_above": 2, "lead_left": 2, "deep": 16}
ALIGNED = [["tt.divisibility", 16]]
COUNTED = {"channels", "outputs", "made_stride", "other_stride", "x_stride", "stride"}
"""Sizes that are counted in units of 8."""
DTYPES = ("bf16", "fp16", "fp32")


def list_kernels() -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Each kernel with its constants, by name."""
    for code in triton_channels.CODES.values():
        yield f"finish {code}", triton_channels._finish, {"has_bias": True, "has_other": True, "code": code, **TILE}
    for before, kind in triton_channels.KINDS.items():
        if before:
            yield f"combine {before}", triton_channels._combine, {"kind": kind, **TILE}
    for word, kind in triton_windows._KINDS.items():
        yield f"pool {word}", triton_windows._pool, {**WINDOW, "gap_down": 1, "gap_right": 1, "kind": kind, **TILE}
    for before, kind in triton_channels.KINDS.items():
        options = {"kind": kind, "has_bias": True, "has_other": True, "code": 1, "deep": 32, **TILE}
        yield f"pointwise {before}", triton_pointwise._convolve_pointwise, options
    yield "norm", triton_norms._add_and_normalise, {"has_factor": True, "has_shift": True, "wide": 1024}
    yield "rearrange", triton_windows._rearrange, {**BLOCKS, "tall": 64, "wide": 16}


def compile_all() -> Iterator[tuple[str, list[str]]]:
    for name, kernel, options in list_kernels():
        for dtype in DTYPES:
            if kernel is not triton_pointwise._convolve_pointwise or dtype != "fp32":
                yield f"{name} {dtype}", list_accesses(kernel, dtype, options)


def list_accesses(kernel: Any, dtype: str, options: Mapping[str, Any]) -> list[str]:
    """The instructions by which a kernel reads and writes memory, whose pointers and sizes are multiples of 16 but for those in units of 8."""
    pointers = {"made", "bias", "other", "x", "pair", "result", "weight", "factors", "shifts", "total"}
    signature = {
        name: "constexpr"
        if name in options
        else f"*{dtype}"
        if name in pointers
        else "fp32"
        if name == "eps"
        else "i32"
        for name in kernel.arg_names
    }
    aligned = {
        (place,): ALIGNED
        for place, name in enumerate(kernel.arg_names)
        if name not in {*options, "eps"} and not ("unit" in options and name in COUNTED)
    }
    compiled = triton.compile(
        ASTSource(kernel, signature, dict(options), attrs=aligned), target=TARGET, options=triton_channels.OPTIONS
    )
    return sorted(set(re.findall(r"(?:ld|st|cp\.async\.\w+\.shared)\.global[\w.:]*", compiled.asm["ptx"])))


if __name__ == "__main__":
    print(json.dumps(dict(compile_all())))
