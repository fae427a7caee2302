"""Recomputation in the backward pass saves memory and changes no numbers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.profiler import ProfilerActivity, profile

import archspec
from archspec.codegen.errors import CheckpointWarning
from archspec.codegen.fx.assemble import Checkpoint
from tests.references import torchvision
from tests.sample import Load, networks, sampled

CHECKPOINTS: tuple[Checkpoint, ...] = ("blocks", "norms")
WITH_CHAINS = ["cifar10_densenet_40_k12", "dmrnet_d14"]
WITHOUT_CHAINS = [
    "cifar_resnet20_A",
    "cifar_preact_resnet110_A",
    "cifar10_wrn16_8",
    "stochastic_depth_resnet110_cifar10",
    "fractalnet20_droppath",
    "highway_mnist_conv10_w16",
    "lstm",
]
"""Networks without a chain of normalisation, ReLU and convolution in one part."""
MIXED = """\
name: mixed
input: [4, 8, 8]
blocks:
  dense:
    args: {width: 4, groups: 1}
    layers: [concat: [identity, [batchnorm, relu, {conv: {out: width, kernel: 3, padding: 1, groups: groups}}]]]
stages:
  one: [{batchnorm: {affine: false}}, relu, {conv: {out: 8, kernel: 3, stride: 2, padding: 1, bias: false}}]
  two: [dense: {width: 8}, dense: {width: 6, groups: 2}, dense: {width: 8}]
  three: [batchnorm, relu, {conv: {out: 5, kernel: 1}}]
  end: globalpool
"""
"""Chains with and without a concatenation before them, a bias, groups, a stride, learned factors."""


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


@pytest.mark.parametrize(
    ("load", "checkpoint"),
    [
        *(
            pytest.param(*load.values, "blocks", id=f"{load.id}-blocks", marks=load.marks)
            for load in networks(*WITH_CHAINS, *WITHOUT_CHAINS)
        ),
        *(
            pytest.param(*load.values, "norms", id=f"{load.id}-norms", marks=load.marks)
            for load in networks(*WITH_CHAINS)
        ),
    ],
)
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
    """The bytes that a forward pass in training saves for the backward pass."""
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
        pytest.param("resnet50", "norms", 0.9, marks=pytest.mark.slow),
    ],
)
def test_less_is_kept(name: str, checkpoint: Checkpoint, share: float) -> None:
    arch = archspec.load({"name": "small", "extends": name, "input": [3, 32, 32]})
    given = images(arch, 4)
    assert kept(arch.build(checkpoint=checkpoint), *given) < share * kept(arch.build(), *given)


@pytest.mark.slow
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
    arch = archspec.load("cifar_resnet20_A" if checkpoint == "blocks" else MIXED)
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


def trained(model: nn.Module) -> nn.Module:
    """A model with random factors and shifts, as the initial 1 and 0 would hide errors."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.3)
    return model


def saved_bytes(model: nn.Module, image: Tensor, precision: torch.dtype | None) -> int:
    """The bytes that a forward pass saves for the backward pass, without weights."""
    saved: dict[int, Tensor] = {}

    def pack(value: Tensor) -> Tensor:
        if not isinstance(value, nn.Parameter):
            saved[value.untyped_storage().data_ptr()] = value
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value), autocast(precision):
        model.train()(image)
    return sum(value.untyped_storage().nbytes() for value in saved.values())


def autocast(precision: torch.dtype | None) -> torch.autocast:
    return torch.autocast("cpu", dtype=precision or torch.bfloat16, enabled=precision is not None)


PRECISIONS = [
    (torch.float32, None),
    (torch.float32, torch.bfloat16),
    (torch.float32, torch.float16),
    (torch.bfloat16, None),
    (torch.float16, None),
    (torch.float64, torch.bfloat16),
]


@pytest.mark.parametrize(
    ("name", "share", "dtype", "precision"),
    [
        *((MIXED, 0.7, *precisions) for precisions in PRECISIONS),
        ("cifar10_densenet_40_k12", 0.2, torch.float32, torch.bfloat16),
    ],
)
def test_norms_compute_the_same_in_every_precision_and_keep_less(
    name: str, share: float, dtype: torch.dtype, precision: torch.dtype | None
) -> None:
    arch = archspec.load(name)
    plain, saving = (trained(arch.build(dtype=dtype, checkpoint=way)) for way in (None, "norms"))
    image = images(arch)[0].to(dtype)
    for inside in (False, True):  # whether the backward pass runs under autocast too
        found = []
        for model in (plain, saving):
            with autocast(precision):
                output = model.train()(image)
            with autocast(precision if inside else None):
                output.square().mean().backward()
            found.append([output, *(one.grad for one in model.parameters()), *model.buffers()])
        for expected, got in zip(*found, strict=True):
            assert got.dtype == expected.dtype and torch.equal(expected, got)
    assert saved_bytes(saving, image, precision) < share * saved_bytes(plain, image, precision)


@pytest.mark.parametrize(
    ("name", "checkpoint"), [*((name, "norms") for name in WITHOUT_CHAINS), ("highway_mnist_fc10", "norms")]
)
def test_what_saves_nothing_says_so(name: str, checkpoint: Checkpoint) -> None:
    arch = archspec.load(name)
    with pytest.warns(CheckpointWarning, match="no memory is saved in training"):
        arch.build("meta", checkpoint=checkpoint)


def test_a_network_without_blocks_says_so() -> None:
    arch = archspec.load({"name": "flat", "input": [4], "stages": {"a": {"linear": 3}}})
    with pytest.warns(CheckpointWarning, match="flat has no block of several weighted layers"):
        arch.build(checkpoint="blocks")


def test_norms_in_evaluation_go_the_plain_way() -> None:
    arch = archspec.load("cifar10_densenet_40_k12")
    plain, saving = arch.build(), arch.build(checkpoint="norms")
    (image,) = images(arch)
    for model in (plain, saving):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    assert torch.equal(plain(image), saving(image))


def test_only_blocks_of_a_part_of_the_network_are_made_again() -> None:
    model = archspec.load("resnet50").build(device="meta", checkpoint="blocks")
    chosen = [name for name, module in model.named_modules() if getattr(module, "_checkpointed", False)]
    assert chosen == [f"layer{stage}.{unit}" for stage, units in enumerate((3, 4, 6, 3), 1) for unit in range(units)]
