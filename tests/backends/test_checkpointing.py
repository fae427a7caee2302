"""What is computed again in the backward pass: less memory, the same numbers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.profiler import ProfilerActivity, profile

import archspec
from archspec.backends.torch.assemble import Checkpoint
from tests.references import torchvision
from tests.sample import Load, networks, sampled

CHECKPOINTS: tuple[Checkpoint, ...] = ("blocks", "norms")
NETWORKS = [
    "cifar_resnet20_A",
    "cifar_preact_resnet110_A",
    "cifar10_densenet_40_k12",
    "cifar10_wrn16_8",
    "stochastic_depth_resnet110_cifar10",
    "fractalnet20_droppath",
    "highway_mnist_conv10_w16",
    "dmrnet_d14",
    "lstm",
]


def step(model: nn.Module, *given: Tensor) -> tuple[Tensor, ...]:
    """A training step: the outputs, then the gradients of all weights, then the statistics."""
    torch.manual_seed(4)
    model.train().zero_grad()
    found = model(*given)
    outputs = found if isinstance(found, tuple) else (found,)
    torch.autograd.backward([output.square().mean() for output in outputs])
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in model.parameters()]
    return (*(one.detach() for one in outputs), *gradients, *(one.clone() for one in model.buffers()))


def images(arch: archspec.Architecture, batch: int = 3) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.randn(batch, *sizes, generator=generator) for sizes in arch.input_shapes.values())


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("load", networks(*NETWORKS))
def test_outputs_gradients_and_statistics_are_the_same_numbers(load: Load, checkpoint: Checkpoint) -> None:
    arch = load()
    plain, saving = arch.build(), arch.build(checkpoint=checkpoint)
    assert list(plain.state_dict()) == list(saving.state_dict())
    for _ in range(2):
        for expected, got in zip(step(plain, *images(arch)), step(saving, *images(arch)), strict=True):
            assert torch.equal(expected, got)
    with torch.no_grad():
        expected, got = plain.eval()(*images(arch)), saving.eval()(*images(arch))
    for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (expected, got)), strict=True):
        assert torch.equal(one, other)


def kept(model: nn.Module, *given: Tensor) -> int:
    """The bytes that a forward pass in training leaves behind for the backward pass."""
    model.train()
    model(*given)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        output = model(*given)
    assert output is not None
    return int(sum(event.self_cpu_memory_usage for event in found.key_averages()))


@pytest.mark.parametrize(
    ("name", "checkpoint", "share"),
    [
        ("cifar_resnet20_A", "blocks", 0.4),
        ("cifar10_wrn16_8", "blocks", 0.4),
        ("cifar10_densenet_40_k12", "blocks", 0.3),
        ("cifar10_densenet_40_k12", "norms", 0.2),
        ("resnet50", "norms", 0.9),
    ],
)
def test_less_is_kept(name: str, checkpoint: Checkpoint, share: float) -> None:
    arch = archspec.load({"name": "small", "extends": name, "input": [3, 32, 32]})
    given = images(arch, 4)
    assert kept(arch.build(checkpoint=checkpoint), *given) < share * kept(arch.build(), *given)


def test_a_dense_block_keeps_no_more_than_torchvisions_memory_efficient_one() -> None:
    arch = archspec.load({"name": "d", "extends": "densenet121", "input": [3, 64, 64]})
    peer = torchvision().models.densenet121(weights=None, memory_efficient=True)
    ours = arch.build(checkpoint="norms")
    peer.load_state_dict(ours.state_dict())
    given = images(arch)
    assert kept(ours, *given) <= kept(peer, *given)
    mine, theirs = step(ours, *given), step(peer, *given)
    assert torch.equal(mine[0], theirs[0])
    for one, other in zip(mine[1:], theirs[1:], strict=True):
        if one.is_floating_point() and one.dim() != 1:  # torchvision's running statistics are updated twice
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_copies_keep_as_little(checkpoint: Checkpoint) -> None:
    arch = archspec.load("cifar10_densenet_40_k12")
    model, given = arch.build(checkpoint=checkpoint), images(arch)
    plain = kept(arch.build(), *given)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301 - our own bytes
        assert kept(twin, *given) < plain / 2


@pytest.mark.parametrize("checkpoint", sampled(CHECKPOINTS, {"norms"}))
def test_compilers_and_exporters_take_it(checkpoint: Checkpoint) -> None:
    arch = archspec.load("cifar_resnet20_A")
    plain, saving = arch.build(), arch.build(checkpoint=checkpoint)
    (image,) = images(arch)
    compiled: Any = torch.compile(saving, backend="aot_eager")
    for expected, got in zip(step(plain, image), step(compiled, image), strict=True):
        torch.testing.assert_close(expected, got)
    traced = fx.symbolic_trace(saving.train())
    for expected, got in zip(step(plain, image), step(traced, image), strict=True):
        torch.testing.assert_close(expected, got)
    with torch.no_grad():
        program = torch.export.export(saving.eval(), (image,))
        torch.testing.assert_close(program.module()(image), plain.eval()(image))


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_what_is_frozen_gets_no_gradient(checkpoint: Checkpoint) -> None:
    arch = archspec.load("cifar10_densenet_40_k12")
    plain, saving = arch.build(), arch.build(checkpoint=checkpoint)
    for model in (plain, saving):
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("conv" not in name)
    for expected, got in zip(step(plain, *images(arch)), step(saving, *images(arch)), strict=True):
        assert torch.equal(expected, got)
    frozen = [one.grad for name, one in saving.named_parameters() if "conv" in name]
    assert frozen
    assert all(one is None for one in frozen)


def test_norms_in_evaluation_and_mixed_precision_go_the_plain_way() -> None:
    arch = archspec.load("cifar10_densenet_40_k12")
    plain, saving = arch.build(), arch.build(checkpoint="norms")
    (image,) = images(arch)
    for model in (plain, saving):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    assert torch.equal(plain(image), saving(image))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(plain.train()(image), saving.train()(image))


def test_only_blocks_of_a_part_of_the_network_are_made_again() -> None:
    model = archspec.load("resnet50").build(device="meta", checkpoint="blocks")
    chosen = [name for name, module in model.named_modules() if getattr(module, "_checkpointed", False)]
    assert chosen == [f"layer{stage}.{unit}" for stage, units in enumerate((3, 4, 6, 3), 1) for unit in range(units)]
