"""Kernels for inference: what a network that was optimised for it is run with, chosen for the device."""

from archspec.codegen.fx.kernels.select import select_kernels

__all__ = ["select_kernels"]
