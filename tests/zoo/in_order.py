"""Gives references that are written as functions the network's own tensors one by one.

The order is that of the paper's figure: branches from left to right, each from its input on. Each `take` names the expected shape, so
that a reference that differs from the network fails at once.
"""

from __future__ import annotations

from typing import Any

import pytest

import archspec

torch = pytest.importorskip("torch")
F = torch.nn.functional


def noise(*shape: int, seed: int = 5) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def built(spec: str, **arguments: Any) -> Any:
    """The network in float64 with random statistics, factors and biases, and with dropout disabled."""
    model = archspec.load(spec, **arguments).build(device="cpu", seed=0).double()
    generator = torch.Generator().manual_seed(6)
    for key, tensor in model.state_dict().items():
        if key.endswith("running_var") or (tensor.ndim == 1 and key.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif key.endswith(("bias", "running_mean")):
            tensor.normal_(0, 0.1, generator=generator)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


class InOrder:
    """The tensors of a model, in order; `training` is the mode of its normalisations, whose statistics are not updated."""

    def __init__(self, model: Any) -> None:
        self.training = model.training
        self.left = [tensor.clone() for tensor in model.state_dict().values()]
        self.left.reverse()

    def take(self, *shape: int) -> Any:
        tensor = self.left.pop()
        assert tuple(tensor.shape) == shape
        return tensor

    def conv(self, x: Any, out: int, kernel: int | tuple[int, int] = 1, *, bias: bool = True, **options: Any) -> Any:
        """A convolution, by default padded to keep the size with stride 1."""
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        options = {"padding": (kernel[0] // 2, kernel[1] // 2)} | options
        weight = self.take(out, x.shape[1] // options.get("groups", 1), *kernel)
        return F.conv2d(x, weight, self.take(out) if bias else None, **options)

    def norm(self, x: Any, eps: float) -> Any:
        factor, shift, mean, variance = (self.take(x.shape[1]) for _ in range(4))
        self.take()  # num_batches_tracked
        return F.batch_norm(x, mean, variance, factor, shift, training=self.training, eps=eps)

    def linear(self, x: Any, out: int) -> Any:
        weight = self.take(out, x.shape[1])
        return F.linear(x, weight, self.take(out))

    @staticmethod
    def average(x: Any) -> Any:
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def same_in_both_modes(model: Any, reference: Any, *inputs: Any) -> None:
    """Checks that the model and `reference(tensors, *inputs)` are equal in eval and train mode, and that no tensor is left."""
    for training in (False, True):
        tensors = InOrder(model.train(training))
        with torch.no_grad():
            theirs, ours = reference(tensors, *inputs), model(*inputs)
        assert not tensors.left
        pairs = [(ours, theirs)] if isinstance(theirs, torch.Tensor) else list(zip(ours, theirs, strict=True))
        for our, their in pairs:
            assert their.std() > 0, "a constant output compares nothing"
            assert torch.equal(our, their), f"they differ by {(our - their).abs().max().item()}, {training=}"
