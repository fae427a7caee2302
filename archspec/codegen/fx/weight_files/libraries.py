"""Weights of networks of torchvision and timm by name, through the loaders of these libraries, which may download them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor, nn

from archspec import extras
from archspec.codegen.errors import WeightsError
from archspec.suggestions import did_you_mean

_ENUM = "_Weights"
_LONGEST = 300


def load_library_weights(library: str, name: str) -> dict[str, Tensor]:
    """Loads the weights of a library's network.

    Args:
        library: one of `LIBRARIES`.
        name: of torchvision, `resnet50`, `resnet50.IMAGENET1K_V2` or `ResNet50_Weights.IMAGENET1K_V2`; of timm, `resnet50` or `resnet50.a1_in1k`.

    Raises:
        WeightsError: the library is not installed, has no such network or weights, or cannot load them.
    """
    return LIBRARIES[library](name)


def _load_torchvision(name: str) -> dict[str, Tensor]:
    models = extras.load_extra("torchvision.models", f"torchvision:{name}", "pip install torchvision", WeightsError)
    network, _, weights = name.partition(".")
    network = _find_network(models, network)
    if network not in models.list_models():
        help = did_you_mean(network, models.list_models()) or ""
        raise WeightsError(f"torchvision has no network {network!r}", help=help)
    known = models.get_model_weights(network).__members__
    if weights and weights not in known:
        help = did_you_mean(weights, known) or ""
        raise WeightsError(f"torchvision has no weights {weights!r} of {network}", help=help)
    chosen = weights or "DEFAULT"
    help = f"torch looks for the file at {_find_cached(known[chosen].url)}" if chosen in known else ""
    return _get_state(f"torchvision:{name}", lambda: models.get_model(network, weights=chosen), help)


def _find_network(models: Any, name: str) -> str:
    """The network of an enumeration of weights such as `ResNet50_Weights`; any other name is returned as it is."""
    if not name.endswith(_ENUM):
        return name
    networks = models.list_models()
    return next((network for network in networks if models.get_model_weights(network).__name__ == name), name)


def _find_cached(url: str) -> Path:
    """The path at which torch caches a downloaded file."""
    return Path(torch.hub.get_dir(), "checkpoints", PurePosixPath(url).name)


def _load_timm(name: str) -> dict[str, Tensor]:
    timm = extras.load_extra("timm", f"timm:{name}", "pip install timm", WeightsError)
    network, _, tag = name.partition(".")
    if network not in timm.list_models():
        help = did_you_mean(network, timm.list_models()) or ""
        raise WeightsError(f"timm has no network {network!r}", help=help)
    known = [other.partition(".")[2] for other in timm.list_pretrained(f"{network}.*")]
    if tag and tag not in known:
        raise WeightsError(f"timm has no weights {tag!r} of {network}", help=did_you_mean(tag, known) or "")
    return _get_state(f"timm:{name}", lambda: timm.create_model(name, pretrained=True), "")


def _get_state(source: str, create: Callable[[], nn.Module], help: str) -> dict[str, Tensor]:
    """The `state_dict` of a library's network."""
    try:
        return create().state_dict()
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        raise WeightsError(f"{source}: its weights could not be loaded: {reason}", help=help) from error


LIBRARIES: dict[str, Callable[[str], dict[str, Tensor]]] = {"torchvision": _load_torchvision, "timm": _load_timm}
