"""Makes the models of other libraries, and of a user's own code, that a network is compared with."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from archspec.codegen.fx.model_libraries import load_model_library, with_declared_ops
from archspec.errors import ArchspecError
from archspec.printable import shorten_text
from archspec.spans import Source
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import to_plain_data
from archspec.suggestions import did_you_mean

_FORMS = "torchvision:NAME, timm:NAME, FILE.py:FACTORY or PACKAGE.MODULE:FACTORY"
_LONGEST = 400
_DETECTION = "torchvision.models.detection"
_COMPOSED = ("torchvision.models.segmentation", _DETECTION)  # they fetch weights of their backbone


class DetectorLayers(nn.Module):
    """The layers of a detector of torchvision, without what makes anchors and chooses, cuts out and resizes boxes.

    Those of one stage (RetinaNet, FCOS) return what their heads do. Faster R-CNN takes `regions` too, what it would cut out of the features, as
    one more input, and returns the scores and offsets of its anchors, level by level, and those of the regions.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        for name, part in detector.named_children():
            self.add_module(name, part)

    def forward(self, image: Any, regions: Any = None) -> Any:
        parts: Any = self
        features = list(parts.backbone(image).values())
        if hasattr(parts, "head"):
            return parts.head(features)
        scores, offsets = parts.rpn.head(features)
        return (*scores, *offsets, *parts.roi_heads.box_predictor(parts.roi_heads.box_head(regions)))


class ReferenceModelError(ArchspecError, ValueError):
    """Raised for a reference that cannot be made: its name, its factory or what that returns.

    >>> make_reference("resnet50")
    Traceback (most recent call last):
        ...
    archspec.codegen.fx.reference_models.ReferenceModelError: 'resnet50' is no reference: expected torchvision:NAME, timm:NAME, FILE.py:FACTORY or PACKAGE.MODULE:FACTORY
    """


def make_reference(
    reference: str, arguments: Mapping[str, Any] | None = None, making: AbstractContextManager[object] | None = None
) -> nn.Module:
    """Makes the model that a reference names, with its own initial weights; this runs the code that the reference names.

    Args:
        reference: `torchvision:NAME`, `timm:NAME`, `FILE.py:FACTORY` or `PACKAGE.MODULE:FACTORY`; a factory is a function or a class that
            returns a module, or a module itself.
        arguments: keyword arguments of the factory.
        making: a context for the call of the factory.

    Raises:
        ReferenceModelError: there is no such factory, it raises an error, or what it returns is no module.
        UnavailableError: the library is not installed.

    >>> type(make_reference("torch.nn:Linear", {"in_features": 4, "out_features": 2})).__name__
    'Linear'
    """
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise ReferenceModelError(f"{shorten_text(reference)!r} is no reference: expected {_FORMS}")
    factory, options = _find_factory(place, name, dict(arguments or {}))
    if isinstance(factory, nn.Module) and not options:
        return factory
    with making or nullcontext():
        return _call_factory(factory, reference, options)


def parse_arguments(arguments: Mapping[str, str]) -> dict[str, Any]:
    """The values of arguments that are given as text of YAML.

    >>> parse_arguments({"num_classes": "10", "layers": "[2, 2]", "name": "a"})
    {'num_classes': 10, 'layers': [2, 2], 'name': 'a'}
    """
    return {
        name: to_plain_data(read_tree(Source.option(name, text, flag="--args"))) for name, text in arguments.items()
    }


def _find_factory(place: str, name: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The factory that a reference names, and all its arguments."""
    if place == "torchvision":
        return _find_in_torchvision(name, options)
    if place == "timm":
        return _find_in_timm(name, options)
    module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    return _find_attribute(module, name, place), options


def _find_in_torchvision(name: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    models = load_model_library("torchvision.models", "torchvision:NAME")
    known = models.list_models()
    if name.lower() not in known:
        raise ReferenceModelError(f"torchvision has no model {shorten_text(name)!r}; {did_you_mean(name, known)}")
    builder = models.get_model_builder(name)
    composed = builder.__module__.startswith(_COMPOSED)
    defaults = {"weights": None, **({"weights_backbone": None} if composed else {})}
    if builder.__module__.startswith(_DETECTION):
        return (lambda **given: DetectorLayers(builder(**given))), defaults | options
    return builder, defaults | options


def _find_in_timm(name: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    timm = load_model_library("timm", "timm:NAME")
    if not timm.is_model(name):
        raise ReferenceModelError(f"timm has no model {shorten_text(name)!r}; {did_you_mean(name, timm.list_models())}")
    return timm.create_model, {"model_name": name, "pretrained": False} | options


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_archspec_reference_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ReferenceModelError(f"there is no file {shorten_text(str(path), 200)}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for dataclasses and pickles of the file
    sys.path.insert(0, str(path.resolve().parent))
    try:
        with_declared_ops(lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    except (Exception, SystemExit) as fault:  # a user's code raises anything, and may exit
        raise ReferenceModelError(f"{path.name} cannot be imported: {_describe(fault)}") from fault
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _import_module(name: str) -> ModuleType:
    try:
        module: ModuleType = with_declared_ops(lambda: importlib.import_module(name))
    except (Exception, SystemExit) as fault:  # the same
        raise ReferenceModelError(
            f"the module {shorten_text(name)!r} cannot be imported: {_describe(fault)}"
        ) from fault
    return module


def _find_attribute(module: ModuleType, name: str, place: str) -> Any:
    factory: Any = module
    for part in name.split("."):
        if not hasattr(factory, part):
            known = [other for other in vars(module) if not other.startswith("_")]
            raise ReferenceModelError(f"{place} has no {shorten_text(name)!r}; {did_you_mean(name, known)}")
        factory = getattr(factory, part)
    return factory


def _call_factory(factory: Any, reference: str, options: dict[str, Any]) -> nn.Module:
    if not callable(factory):
        raise ReferenceModelError(
            f"{reference} is a {type(factory).__name__}: expected a function, a class or a module"
        )
    try:
        model = factory(**options)
    except (Exception, SystemExit) as fault:  # the same
        raise ReferenceModelError(f"{reference} raises {_describe(fault)}") from fault
    if not isinstance(model, nn.Module):
        raise ReferenceModelError(f"{reference} returns a {type(model).__name__}: expected a torch.nn.Module")
    return model


def _describe(fault: BaseException) -> str:
    text = " ".join(str(fault).split())
    return f"{type(fault).__name__}: {shorten_text(text, _LONGEST)}" if text else type(fault).__name__
