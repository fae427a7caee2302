"""Kernels for inference, chosen for the device of an optimised network."""

from archspec.codegen.fx.kernels.select import select_kernels

__all__ = ["select_kernels"]
