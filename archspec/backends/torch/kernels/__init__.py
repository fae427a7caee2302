"""Kernels for inference: what a network that was optimised for it is run with, chosen for the device."""

from archspec.backends.torch.kernels.select import select

__all__ = ["select"]
