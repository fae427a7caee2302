"""The cost of training, compared with torch: the products of the backward pass, and the bytes of optimisers."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

import archspec
from archspec.analysis.training_choices import OPTIMIZERS, PRECISIONS, Optimizer
from archspec.analysis.training_cost import count_backward_macs
from archspec.ops.conv import Conv
from tests.cli.surface import run
from tests.sample import sampled

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")

NETWORKS: dict[str, dict[str, Any]] = {
    "alexnet": {},
    "densenet121": {"input": [3, 64, 64]},
    "dmrnet_d14": {},
    "googlenet": {"input": [3, 96, 96]},
    "highway_mnist_fc10": {},
    "lstm": {},
    "mobilenet_v2": {"input": [3, 64, 64]},
    "convnext_tiny": {"input": [3, 64, 64]},
    "gpt2": {"depth": 1, "context": 64},
    "resnet18": {},
    "resnext50_32x4d": {"input": [3, 64, 64]},
    "swin_t": {},
    "unet": {},
    "vit_b_16": {"depth": 2},
}


@pytest.mark.parametrize(
    "spec", sampled(NETWORKS, {"dmrnet_d14", "gpt2", "lstm", "mobilenet_v2", "resnext50_32x4d", "swin_t"})
)
def test_backward_macs_are_those_of_torch(spec: str) -> None:
    """But for grouped convolutions: torch's counter takes the gradient of their weights as if they had no groups."""
    arch = archspec.load(spec, **NETWORKS[spec])
    model, batch = arch.build(device="meta"), 2
    outputs = model(
        *(
            torch.zeros(batch, *value.shape.sizes, device="meta").to(
                torch.long if arch.graph.holds_indices(value) else torch.float32
            )
            for value in arch.graph.inputs.values()
        )
    )
    values = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    with flop_counter.FlopCounterMode(display=False) as counted:
        sum(value.sum() for value in values).backward()
    groups = sum((node.op.groups - 1) * node.macs for node in arch.graph.ops if isinstance(node.op, Conv))
    assert count_backward_macs(arch.graph) + groups == counted.get_total_flops() / 2 / batch


TORCH: dict[Optimizer, tuple[str, dict[str, Any]]] = {
    "plain-sgd": ("SGD", {}),
    "sgd": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "adagrad": ("Adagrad", {}),
    "rmsprop": ("RMSprop", {}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("precision", ["32", "bf16-true"])
def test_bytes_are_those_of_torch(name: Optimizer, precision: Any) -> None:
    arch = archspec.load("cifar_resnet20_A")
    model = arch.build(device="cpu", dtype=torch.float32 if precision == "32" else torch.bfloat16)
    kind, options = TORCH[name]
    optimizer = getattr(torch.optim, kind)(model.parameters(), lr=0.1, **options)
    model(torch.zeros(1, 3, 32, 32, dtype=next(model.parameters()).dtype)).sum().backward()
    optimizer.step()
    cost = arch.training_cost(name, precision)
    parameters: list[Any] = list(model.parameters())
    state = [value for entry in optimizer.state.values() for value in entry.values() if torch.is_tensor(value)]
    assert cost.state == sum(value.numel() * value.element_size() for value in state)
    assert cost.params == sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    assert cost.gradients == sum(parameter.grad.numel() * parameter.grad.element_size() for parameter in parameters)


def test_what_is_saved_for_the_backward_pass_is_no_more_than_estimated() -> None:
    """The values that autograd saves, each storage once, without parameters."""
    arch = archspec.load("resnet18", classes=10)
    model = arch.build(device="cpu")
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tensor.is_floating_point():
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(torch.zeros(1, 3, 224, 224))
    estimate = arch.training_cost("sgd").activations
    assert estimate / 2 < sum(saved.values()) <= estimate


def test_precisions() -> None:
    arch = archspec.load("resnet18")
    costs = {precision: arch.training_cost("adam", precision) for precision in PRECISIONS}
    assert costs["bf16"].fixed == costs["fp16"].fixed == costs["32"].fixed
    assert 2 * costs["bf16"].activations == 2 * costs["bf16-true"].activations == costs["32"].activations
    assert 2 * costs["bf16-true"].params == costs["32"].params
    with pytest.raises(ValueError, match="there is no optimizer 'lion': expected plain-sgd, sgd"):
        arch.training_cost(cast("Optimizer", "lion"))


def test_the_summary_shows_it() -> None:
    result = run("summary", "resnet50", "--depth", "1", "--training", "adamw", "--precision", "bf16")
    text = " ".join(result.stdout.split())
    assert "training 12,149,538,816 MACs of one sample: 4.09 G forward, 8.06 G backward" in text
    assert "409 MB with adamw in bfloat16 by autocast" in text
    data = json.loads(run("summary", "resnet50", "--depth", "1", "--training", "sgd", "--json").stdout)
    assert data["training"]["backward_macs"] == 8_060_354_560
    assert run("summary", "resnet50", "--precision", "bf16").exit_code == 2
