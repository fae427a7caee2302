"""Selects the cases of a test over many networks that `make test` runs: a cheap sample that covers everything.

- A test over all bundled specs is parametrised with `every_spec()`: those in `CORE` run in `make test`, the other specs that extend none are
  marked `slow` and run in `make test-slow`, and the other representatives, which `exhaustive` marks, too, in `make test-all`. Networks that differ
  from a representative in numbers alone are only in the ledger's test.
- A test that computes with some networks is parametrised with `networks("resnet18", …)`: `make test` computes with small ones, with
  fewer units, channels and pixels; `make test-slow` also computes with the full networks.
- Any other test with a sample of its cases: `sampled(values, few)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import pytest
import yaml
from _pytest.mark import ParameterSet

import archspec
from archspec.spec.bundled import find_bundled_folder

_HIDDEN = ({"dropout": 0.5}, {"linear": 64}, "relu")
_HEADS = {
    "stages": {"classifier": [*_HIDDEN, *_HIDDEN, {"linear": 64}, "relu", {"linear": "classes"}]}
}  # as deep, not as wide
_STAGES = {"depth1": 2, "depth2": 2, "depth3": 2, "depth4": 2}

Load = Callable[[], archspec.Architecture]

SMALL: Mapping[str, Mapping[str, Any]] = {
    "alexnet": {"input": [3, 64, 64], **_HEADS},
    "alexnet_2group": {"input": [3, 67, 67], **_HEADS},
    "bn_inception": {"input": [3, 64, 64]},
    "cifar10_densenet_40_k12": {"args": {"depth": 4}},
    "cifar10_wrn16_8": {"args": {"k": 1}},
    "cifar_preact_resnet110_A": {"args": {"n": 2}},
    "cifar_resnet20_A": {},
    "cspresnet50": {"input": [3, 64, 64], "args": {"widths": [16, 32, 32, 64], "depths": [1, 1, 1, 1]}},
    "densenet121": {"input": [3, 48, 48], "args": {"depth1": 3, "depth2": 3, "depth3": 3, "depth4": 3}},
    "dmrnet_d14": {},
    "dpn68": {"input": [3, 48, 48], "args": _STAGES},
    "fractalnet20": {"args": {"base": 8}},
    "fractalnet20_droppath": {"args": {"base": 8}},
    "googlenet_aux": {"input": [3, 96, 96]},
    "highway_mnist_conv10_w16": {},
    "highway_mnist_fc10": {},
    "inception_resnet_v1": {"input": [3, 96, 96], "args": {"depth35": 1, "depth17": 1, "depth8": 1}},
    "lraspp_mobilenet_v3_large": {"input": [3, 65, 65]},
    "lstm": {},
    "mobilenet_v2": {"input": [3, 48, 48]},
    "mobilenet_v3_small": {"input": [3, 48, 48]},
    "resnet110_act_d": {"args": {"n": 2}},
    "resnet110_shortcut_exclusive_gating": {"args": {"n": 2}},
    "resnet18": {"input": [3, 48, 48], "args": {"depth1": 1, "depth2": 1, "depth3": 1, "depth4": 1}},
    "resnetv2_18": {"input": [3, 48, 48]},
    "resnetv2_50x1_bit": {"input": [3, 48, 48], "args": _STAGES},
    "resnext50_32x4d": {"input": [3, 48, 48], "args": _STAGES},
    "shufflenet_v2_x0_5": {"input": [3, 48, 48]},
    "skresnet18": {"input": [3, 48, 48], "args": {"depth1": 1, "depth2": 1, "depth3": 1, "depth4": 1}},
    "stochastic_depth_resnet110_cifar10": {"args": {"n": 2}},
    "unet": {"args": {"base": 2}},
    "swin_t": {
        "input": [3, 64, 64],
        "args": {"size": 2, "base": 12, "heads": 3, "depth1": 2, "depth2": 2, "depth3": 2, "depth4": 2},
    },
    "swin_v2_t": {
        "input": [3, 64, 64],
        "args": {"size": 2, "base": 12, "heads": 3, "depth1": 2, "depth2": 2, "depth3": 2, "depth4": 2},
    },
    "convformer_s18": {"input": [3, 64, 64], "args": {"widths": [8, 16, 16, 24], "depths": [1, 1, 1, 1]}},
    "convnext_tiny": {"input": [3, 64, 64], "args": {"base": 8, **_STAGES}},
    "gpt2": {"args": {"vocabulary": 50, "context": 16, "base": 32, "heads": 4, "depth": 2}},
    "llama3_8b": {
        "args": {"vocabulary": 50, "context": 16, "base": 32, "heads": 4, "groups": 2, "depth": 2, "hidden": 48}
    },
    "vgg11": {"input": [3, 48, 48], **_HEADS},
    "vit_b_16": {"args": {"width": 48, "heads": 3, "mlp": 96, "depth": 2}},
}
"""The sample, with the changes that make each network quick to compute.

It has every op of the zoo, which `test_suite.py` checks.
"""


CORE = (
    "cifar10_densenet_40_k12",
    "cifar10_wrn16_8",
    "dpn68",
    "fractalnet20_droppath",
    "googlenet_aux",
    "gpt2",
    "inception_resnet_v1",
    "lstm",
    "mobilenet_v2",
    "resnet110_act_d",
    "resnetv2_18",
    "stochastic_depth_resnet110_cifar10",
    "swin_t",
    "unet",
    "vit_b_16",
)
"""A smaller sample: concatenations, shared weights, drops, groups, attention, several inputs."""


_OF_ITS_OWN = {"blocks", "stages", "outputs", "output", "inputs", "passes"}


@cache
def representatives() -> tuple[str, ...]:
    """The bundled specs that stand for all: those with a structure of their own, and the sample.

    A spec that extends another and changes nothing but numbers has the layers of the other one in another number or size; `test_suite.py`
    checks that the representatives have every pair of consumer and producer in the zoo. An argument that becomes 0 or 1 may switch a part off or
    on, so that it counts as structure.
    """
    texts = {path.stem: path.read_bytes() for path in find_bundled_folder().glob("*.yaml")}
    return tuple(
        sorted(
            name for name, text in texts.items() if name in SMALL or _has_structure(yaml.load(text, yaml.CSafeLoader))
        )
    )


def _has_structure(spec: Mapping[str, Any]) -> bool:
    if "extends" not in spec or _OF_ITS_OWN & spec.keys():
        return True
    args = spec.get("args", {})
    switched = any(value in (0, 1) for value in args.values() if isinstance(value, int))
    return switched or not (_is_number(args) and _is_number(spec.get("defaults", {})))


def _is_number(value: Any) -> bool:
    """Whether a value of YAML 1.1 is a number, or a list or mapping of numbers, in YAML 1.2, where `1e-3` is one."""
    if isinstance(value, list | dict):
        return all(map(_is_number, value.values() if isinstance(value, dict) else value))
    return re.fullmatch(r"[-+\d.eE]+", str(value)) is not None


@cache
def bases() -> tuple[str, ...]:
    """The representatives that extend no other spec, and the sample."""
    folder = find_bundled_folder()
    return tuple(
        name
        for name in representatives()
        if name in SMALL or b"\nextends:" not in b"\n" + (folder / f"{name}.yaml").read_bytes()
    )


_FEW_MACS, _MOST_MACS = 2_000_000_000, 12_500_000_000


def computable(sample: Container[str] = ()) -> list[ParameterSet]:
    """The `bases` that two slow cores compute with in seconds, the quicker half in `make test-slow`; of the others only the small forms are."""
    macs = {entry.name: entry.macs for entry in archspec.load_zoo() if entry.macs < _MOST_MACS}
    names = [name for name in bases() if name in macs]
    return sampled(names, sample, [name for name in names if macs[name] < _FEW_MACS])


def every_spec() -> list[ParameterSet]:
    """All representatives as parameters of a test: `CORE`, then the `bases` in `make test-slow`, the others in `make test-all`."""
    return sampled(representatives(), CORE, bases())


def networks(*names: str, slow: Iterable[str] = ()) -> list[ParameterSet]:
    """Functions that load each network, as parameters of a test: small, and in full size marked `slow`; those in `slow` only in full size."""
    quick = [pytest.param(partial(small, name), id=f"{name}-small" if SMALL[name] else name) for name in names]
    whole = [*(name for name in names if SMALL[name]), *slow]
    return [*quick, *(pytest.param(partial(bundled, name), id=name, marks=pytest.mark.slow) for name in whole)]


EXHAUSTIVE = (pytest.mark.slow, pytest.mark.exhaustive)


def sampled(values: Iterable[Any], sample: Container[Any], more: Container[Any] | None = None) -> list[ParameterSet]:
    """All values as parameters of a test: the sample, `more` marked `slow`, and the others `exhaustive`; all others are `slow` if it is None."""

    def choose_marks(value: Any) -> Sequence[pytest.MarkDecorator]:
        return () if value in sample else (pytest.mark.slow,) if more is None or value in more else EXHAUSTIVE

    return [pytest.param(value, marks=choose_marks(value)) for value in values]


def bundled(name: str) -> archspec.Architecture:
    """A bundled network, which must not be changed; those of `bases` are loaded once in each process, all would take gigabytes."""
    return _keep_loaded(name) if name in bases() else archspec.load(name)


@cache
def _keep_loaded(name: str) -> archspec.Architecture:
    return archspec.load(name)


@cache
def small(name: str) -> archspec.Architecture:
    """A small network of the sample, loaded once in each process, which must not be changed."""
    return archspec.load({"name": name, "extends": name, **SMALL[name]})
