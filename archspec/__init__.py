"""archspec: a network is data.

What stands here is all that most programs need. Each name is imported when it is first asked for (PEP 562): `import archspec`
itself imports no other package.

>>> import archspec
>>> archspec.load("resnet50").params
25557032
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archspec.analysis.cost_model import CostError
    from archspec.analysis.diff import Diff
    from archspec.analysis.expansion import Expansion
    from archspec.analysis.partition import CutError, PartitionStage
    from archspec.analysis.path_enumeration import SignalPath, TooManyPathsError
    from archspec.analysis.paths import LengthUnit, PathCounts
    from archspec.api import bundled, check, load, load_overridden, schema
    from archspec.architecture import Architecture
    from archspec.codegen.errors import (
        BuildError,
        CheckpointWarning,
        ExportError,
        InternalError,
        MissingDeviceError,
        WeightsError,
        WeightsNote,
        WeightsWarning,
    )
    from archspec.draw.picture import Detail, Direction, DrawError, Picture
    from archspec.errors import ArchspecError, Diagnostic, LimitError, Note, Source, Span, SpecError
    from archspec.extras import UnavailableError
    from archspec.ir.parts import UnknownPartError
    from archspec.ops.base import ShapeError
    from archspec.passes.contract import PassError
    from archspec.pipeline import Pipeline
    from archspec.report.data import TooLargeError
    from archspec.report.summary import Summary
    from archspec.spec.budget import Budget
    from archspec.spec.limits import Limits
    from archspec.spec.refusals import SpecFileError, SpecNotFoundError, SpecTypeError
    from archspec.spec.zoo import ZooEntry, load_zoo

__all__ = [
    "Architecture",
    "ArchspecError",
    "Budget",
    "BuildError",
    "CheckpointWarning",
    "CostError",
    "CutError",
    "Detail",
    "Diagnostic",
    "Diff",
    "Direction",
    "DrawError",
    "Expansion",
    "ExportError",
    "InternalError",
    "LengthUnit",
    "LimitError",
    "Limits",
    "MissingDeviceError",
    "Note",
    "PartitionStage",
    "PassError",
    "PathCounts",
    "Picture",
    "Pipeline",
    "ShapeError",
    "SignalPath",
    "Source",
    "Span",
    "SpecError",
    "SpecFileError",
    "SpecNotFoundError",
    "SpecTypeError",
    "Summary",
    "TooLargeError",
    "TooManyPathsError",
    "UnavailableError",
    "UnknownPartError",
    "WeightsError",
    "WeightsNote",
    "WeightsWarning",
    "ZooEntry",
    "bundled",
    "check",
    "load",
    "load_overridden",
    "load_zoo",
    "schema",
]
__version__ = "0.2.0"

_HOMES = {
    "analysis.cost_model": "CostError",
    "analysis.diff": "Diff",
    "analysis.expansion": "Expansion",
    "analysis.partition": "CutError PartitionStage",
    "analysis.path_enumeration": "SignalPath TooManyPathsError",
    "analysis.paths": "LengthUnit PathCounts",
    "api": "bundled check load load_overridden schema",
    "architecture": "Architecture",
    "codegen.errors": "BuildError CheckpointWarning ExportError InternalError MissingDeviceError WeightsError WeightsNote WeightsWarning",
    "draw.picture": "Detail Direction DrawError Picture",
    "errors": "ArchspecError Diagnostic LimitError Note Source Span SpecError",
    "extras": "UnavailableError",
    "ir.parts": "UnknownPartError",
    "ops.base": "ShapeError",
    "passes.contract": "PassError",
    "pipeline": "Pipeline",
    "report.data": "TooLargeError",
    "report.summary": "Summary",
    "spec.budget": "Budget",
    "spec.limits": "Limits",
    "spec.refusals": "SpecFileError SpecNotFoundError SpecTypeError",
    "spec.zoo": "ZooEntry load_zoo",
}
"""The module of each public name, as the imports above say it to a type checker; `tests/test_face.py` holds both together."""
_MODULES = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """A public name, from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
