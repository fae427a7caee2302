"""Constructs the modules of lowerings and initialises their weights."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from archspec.codegen.fx.emit import resolve_target
from archspec.codegen.initialisers import find_initialiser
from archspec.codegen.lowering import LoweredNode
from archspec.ops.base import Call, Op
from archspec.ops.initial import Initial

State = nn.Module | nn.Parameter | nn.Buffer


def create_state(step: LoweredNode, device: torch.device, dtype: torch.dtype | None) -> State:
    """The module or parameter of a step, initialised unless the device is "meta"."""
    call = step.lowered.stateful_call
    assert call is not None, "only what has state has a place"
    state = construct_state(call, device, dtype)
    if device.type != "meta":
        initialise_state(state, step.node.op)
    if call.parametrization is not None:
        resolve_target(call.parametrization.target)(state, **call.parametrization.options)
    return state


def construct_state(call: Call, device: torch.device, dtype: torch.dtype | None) -> State:
    """The module or parameter of a call, with uninitialised weights on `device`."""
    if call.target == "torch.nn.Parameter":
        return nn.Parameter(torch.empty(call.options["shape"], device=device, dtype=dtype))
    if call.target == "torch.nn.Buffer":
        return _make_buffer(call, device, dtype)
    type_ = resolve_target(call.target)
    if not _takes_device(type_):
        module: nn.Module = type_(**call.options)
        return module.to(device, dtype)
    module = _without_initialisation(type_)(**call.options, device=device, dtype=dtype)
    object.__setattr__(module, "__class__", type_)  # nn.Module.__setattr__ would search the parameters first
    return module


def _make_buffer(call: Call, device: torch.device, dtype: torch.dtype | None) -> nn.Buffer:
    data = call.options["data"]
    with torch.device(device):
        made: Tensor = resolve_target(data.target)(**data.options)
    return nn.Buffer(made.to(dtype) if made.is_floating_point() else made, persistent=call.options["persistent"])


def initialise_state(state: State, op: Op) -> None:
    """Initialises weights as the op says, or else as torch does; a bare parameter with zeros."""
    initial = op.initial()
    if isinstance(state, nn.Buffer):
        return
    if isinstance(state, nn.Parameter):
        fill_tensor(state, next(iter(initial.values()), 0.0))
        return
    if not initial or any(name not in initial for name, _ in state.named_parameters()):
        reset_parameters(state)
    for name, scheme in initial.items():
        fill_tensor(state.get_parameter(name), scheme)


def reset_parameters(module: nn.Module) -> None:
    """Applies torch's own initialisation to a module, inner modules first."""
    for child in module.children():
        reset_parameters(child)
    method = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    if method is not None:
        method()


@torch.no_grad()
def fill_tensor(tensor: Tensor, scheme: Initial) -> None:
    """Fills a tensor by a scheme of torch.nn.init, or with a constant."""
    function, arguments = find_initialiser(scheme)
    getattr(nn.init, function)(tensor, **arguments)


@contextmanager
def seed_generators(seed: int | None, device: torch.device) -> Iterator[None]:
    """Seeds torch's generators with `seed` and restores their states afterwards; with None they are not changed."""
    if seed is None or device.type == "meta":
        yield
        return
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        with _seed_device_generator(seed, device):
            yield


@contextmanager
def _seed_device_generator(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds the generator of the device, if it has one."""
    if device.type == "cpu":
        yield
        return
    backend: Any = torch.get_device_module(device)
    chosen = getattr(backend, "device", nullcontext)
    with chosen(device):
        before = backend.get_rng_state()
        backend.manual_seed(seed)
    try:
        yield
    finally:
        with chosen(device):
            backend.set_rng_state(before)


@cache
def _takes_device(type_: type[nn.Module]) -> bool:
    """Whether the constructor of a module takes a device."""
    return "device" in inspect.signature(type_).parameters


@cache
def _without_initialisation(type_: type[nn.Module]) -> type[nn.Module]:
    """A subclass whose constructor does not initialise weights, so that nothing is initialised twice."""
    names = [name for name in ("reset_parameters", "_reset_parameters") if hasattr(type_, name)]
    return type(type_.__name__, (type_,), dict.fromkeys(names, _do_nothing))


def _do_nothing(self: nn.Module, *args: Any, **kwargs: Any) -> None:
    """Does nothing."""
