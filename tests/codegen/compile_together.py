"""Compiles kernels of Triton together for a GPU that need not be there, and prints how many are ready, and a value that a launch would write."""

from __future__ import annotations

import json
from types import SimpleNamespace

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from archspec.codegen.fx.kernels import triton_channels
from archspec.codegen.fx.kernels.launching import compile_kernels, launch

OPTIONS = {"has_bias": False, "has_other": False, "tall": 16, "wide": 16, "unit": 8, **triton_channels.OPTIONS}
CARD = SimpleNamespace(
    get_current_device=lambda: 0,
    get_current_stream=lambda device: 0,
    get_current_target=lambda: GPUTarget("cuda", 90, 32),
)


def finish(made: torch.Tensor) -> None:
    for code in (0, 1, 1):
        launch(triton_channels._finish, (1,), *(made, made, made, 16, 2, 2, 2), code=code, **OPTIONS)


if __name__ == "__main__":
    driver.set_active(CARD)
    value = torch.full((16, 16), -1.0)
    compile_kernels(lambda: finish(value))
    ready = list(triton_channels._finish.device_caches[0][0].values())
    print(json.dumps([[type(kernel).__name__ for kernel in ready], sorted(set(value.flatten().tolist()))]))
