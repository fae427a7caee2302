"""Decides which modules are one call, and reads the arguments of their constructors."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_DROP_PATHS = frozenset(("DropPath", "StochasticDepth"))
_STANDARDISED = {
    f"timm.layers.std_conv.{name}{padding}" for name in ("StdConv2d", "ScaledStdConv2d") for padding in ("", "Same")
}
_OWN = "archspec.codegen.fx."
_OWN_LEAVES = frozenset(("ColumnDraw", "DropMean", "StandardisedConv2d", "DotProductAttention", "RotaryPositions"))
_SPECTRAL_EPS = 1e-12
"""The least norm of the vectors of spectral norm, unless someone chooses another."""
_IGNORED = frozenset(("self", "device", "dtype", "inplace", "in_channels", "in_features", "num_features"))


def find_leaf_class(module: nn.Module) -> str | None:
    """The name of the class as which a module is one call: of torch.nn, or of stochastic depth; None if what it calls is recorded.

    >>> find_leaf_class(nn.ReLU()), find_leaf_class(nn.Sequential())
    ('torch.nn.ReLU', None)
    """
    return _find_leaf(type(module))  # type: ignore[arg-type] # a class has a hash


@lru_cache(maxsize=1024)
def _find_leaf(cls: type[nn.Module]) -> str | None:
    qualified = f"{cls.__module__}.{cls.__qualname__}"
    if cls.__name__ in _DROP_PATHS:
        return "DropPath"
    if qualified in _STANDARDISED or (cls.__name__ in _OWN_LEAVES and cls.__module__.startswith(_OWN)):
        return cls.__name__
    base = next(base for base in cls.__mro__ if base.__module__.startswith("torch.nn.modules"))
    if base is nn.Module or issubclass(cls, _CONTAINERS) or base.__name__.startswith("Transformer"):
        return None
    alike = cls.forward is vars(base).get("forward", getattr(base, "forward", None)) and getattr(
        cls, "_conv_forward", None
    ) is getattr(base, "_conv_forward", None)
    return f"torch.nn.{base.__name__}" if alike else None


def read_options(module: nn.Module) -> dict[str, Any]:
    """The arguments of a module's constructor that differ from their defaults; whether there is a bias is a truth value.

    >>> read_options(nn.Linear(4, 2, bias=False))
    {'out_features': 2, 'bias': False}
    """
    if type(module).__name__ in _DROP_PATHS:
        return _read_drop_path(module)
    bases = (
        base
        for base in type(module).__mro__
        if "__init__" in vars(base) and base.__module__.startswith(("torch.nn.modules", _OWN))
    )
    parameters = _list_parameters(next(bases))
    options = {name: _read_option(module, name, parameter) for name, parameter in parameters}
    if "embed_dim" in options:
        options["bias"] = module.in_proj_bias is not None
    defaults = {name: parameter.default for name, parameter in parameters}
    own = {name: value for name, value in options.items() if not _equals(value, defaults[name])}
    return own | _read_standardised(module) | _read_parametrization(module)


def _equals(value: Any, default: Any) -> bool:
    """Whether an option has its default, which may be one number for several axes."""
    return value == default or (isinstance(value, tuple) and bool(value) and set(value) == {default})


@lru_cache(maxsize=256)
def _list_parameters(base: type) -> tuple[tuple[str, inspect.Parameter], ...]:
    parameters = inspect.signature(vars(base)["__init__"]).parameters.items()
    return tuple((name, parameter) for name, parameter in parameters if name not in _IGNORED)


def _read_option(module: nn.Module, name: str, parameter: inspect.Parameter) -> Any:
    value = getattr(module, name, parameter.default)
    if name == "bias":
        affine = getattr(module, "weight", value) is not None
        return isinstance(value, Tensor) if affine and not isinstance(value, bool) else True
    return value


def _read_standardised(module: nn.Module) -> dict[str, Any]:
    """What a convolution of timm with a standardised kernel has besides the options of torch's."""
    if f"{type(module).__module__}.{type(module).__qualname__}" not in _STANDARDISED:
        return {}
    own: Any = module
    return {"eps": own.eps, "scale": getattr(own, "scale", None), "in_features": own.in_channels // own.groups} | (
        {"same": True} if getattr(own, "same_pad", False) else {}
    )


def _read_parametrization(module: nn.Module) -> dict[str, Any]:
    """The fields of an op whose weight is computed by torch.nn.utils.parametrizations; another rule is named by its class."""
    if not is_parametrized(module):
        return {}
    by_weight: Any = module.parametrizations
    rules = {name: [type(rule).__name__ for rule in stack] for name, stack in by_weight.items()}
    if rules == {"weight": ["_WeightNorm"]} and by_weight["weight"][0].dim == 0:
        return {"parametrization": "weight_norm"}
    if rules == {"weight": ["_SpectralNorm"]} and by_weight["weight"][0].eps == _SPECTRAL_EPS:
        steps = by_weight["weight"][0].n_power_iterations
        return {"parametrization": "spectral_norm"} | ({"iterations": steps} if steps != 1 else {})
    return {"parametrization": ", ".join(f"{name}: {'+'.join(stack)}" for name, stack in rules.items())}


def _read_drop_path(module: nn.Module) -> dict[str, Any]:
    probability = getattr(module, "p", getattr(module, "drop_prob", 0.0))
    scaled = getattr(module, "scale_by_keep", True)
    return {
        "p": float(probability or 0.0),
        "mode": getattr(module, "mode", "row"),
        "rescale": getattr(module, "rescale", "train"),
        "scaled": bool(scaled),
    }
