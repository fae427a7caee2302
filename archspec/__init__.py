"""archspec: a network is data.

This module has the public names. Each is imported on first use (PEP 562), so that `import archspec` itself imports no other package.

>>> import archspec
>>> archspec.load("resnet50").params
25557032
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archspec.analysis.conventions import CONVENTION_NAMES, CONVENTIONS, Convention, UnknownConventionError
    from archspec.analysis.cost_model import CostError
    from archspec.analysis.count_explanation import CountExplanation
    from archspec.analysis.diff import Diff
    from archspec.analysis.expansion import Expansion
    from archspec.analysis.partition import CutError, PartitionStage
    from archspec.analysis.path_enumeration import SignalPath, TooManyPathsError, iter_paths
    from archspec.analysis.path_sums import LengthUnit
    from archspec.analysis.paths import PathCounts
    from archspec.analysis.printed_number import PrintedNumberError
    from archspec.analysis.training_choices import OPTIMIZERS, PRECISIONS, Optimizer, Precision, TrainingCostError
    from archspec.analysis.training_cost import TrainingCost
    from archspec.api import bundled, check, from_pretrained, load, load_overridden, make_input_sources, schema
    from archspec.architecture import Architecture
    from archspec.codegen.errors import (
        BuildError,
        CheckpointWarning,
        CudaGraphWarning,
        InternalError,
        MissingDeviceError,
        WeightsError,
        WeightsNote,
        WeightsWarning,
    )
    from archspec.codegen.fx.assemble import Checkpoint
    from archspec.codegen.fx.reference_comparison import ReferenceComparison
    from archspec.codegen.fx.reference_models import ReferenceModelError, parse_arguments
    from archspec.codegen.fx.trial import Trial
    from archspec.codegen.fx.weight_files.fit import WeightReport
    from archspec.draw.picture import Detail, Direction, DrawError, Fit, Picture
    from archspec.errors import ArchspecError, Diagnostic, ExportError, LimitError, Note, SpecError
    from archspec.extras import UnavailableError
    from archspec.formats import FORMATS, Format, FormatKind, find_format, list_endings
    from archspec.hub import HubError
    from archspec.importing.decompile import DecompileError
    from archspec.ir.parts import UnknownPartError
    from archspec.model_import import Imported, ImportModelError, imported
    from archspec.network import Network
    from archspec.ops.base import ShapeError
    from archspec.passes.contract import PassError
    from archspec.passes.lesion import LesionPlan, plan_lesion
    from archspec.pipeline import Pipeline
    from archspec.recording.problems import ImportProblem
    from archspec.recording.proof import ImportProof
    from archspec.report.comparison import format_comparison, render_comparison
    from archspec.report.count_explanation import format_count_explanation
    from archspec.report.data import MOST_NETWORKS, TooLargeError
    from archspec.report.table import Summary, render_summary
    from archspec.spans import Source, Span
    from archspec.spec.budget import Budget
    from archspec.spec.ledger import LedgerRow, load_ledger
    from archspec.spec.limits import Limits
    from archspec.spec.refusals import SpecFileError, SpecNotFoundError, SpecTypeError
    from archspec.spec.yaml_reader import decode_source
    from archspec.spec.zoo import ZooEntry, load_zoo

__all__ = [
    "CONVENTIONS",
    "CONVENTION_NAMES",
    "FORMATS",
    "MOST_NETWORKS",
    "OPTIMIZERS",
    "PRECISIONS",
    "Architecture",
    "ArchspecError",
    "Budget",
    "BuildError",
    "Checkpoint",
    "CheckpointWarning",
    "Convention",
    "CostError",
    "CountExplanation",
    "CudaGraphWarning",
    "CutError",
    "DecompileError",
    "Detail",
    "Diagnostic",
    "Diff",
    "Direction",
    "DrawError",
    "Expansion",
    "ExportError",
    "Fit",
    "Format",
    "FormatKind",
    "HubError",
    "ImportModelError",
    "ImportProblem",
    "ImportProof",
    "Imported",
    "InternalError",
    "LedgerRow",
    "LengthUnit",
    "LesionPlan",
    "LimitError",
    "Limits",
    "MissingDeviceError",
    "Network",
    "Note",
    "Optimizer",
    "PartitionStage",
    "PassError",
    "PathCounts",
    "Picture",
    "Pipeline",
    "Precision",
    "PrintedNumberError",
    "ReferenceComparison",
    "ReferenceModelError",
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
    "TrainingCost",
    "TrainingCostError",
    "Trial",
    "UnavailableError",
    "UnknownConventionError",
    "UnknownPartError",
    "WeightReport",
    "WeightsError",
    "WeightsNote",
    "WeightsWarning",
    "ZooEntry",
    "bundled",
    "check",
    "decode_source",
    "find_format",
    "format_comparison",
    "format_count_explanation",
    "from_pretrained",
    "imported",
    "iter_paths",
    "list_endings",
    "load",
    "load_ledger",
    "load_overridden",
    "load_zoo",
    "make_input_sources",
    "parse_arguments",
    "plan_lesion",
    "render_comparison",
    "render_summary",
    "schema",
]
__version__ = "0.2.0"

_HOMES = {
    "analysis.conventions": "CONVENTIONS CONVENTION_NAMES Convention UnknownConventionError",
    "analysis.cost_model": "CostError",
    "analysis.count_explanation": "CountExplanation",
    "analysis.diff": "Diff",
    "analysis.expansion": "Expansion",
    "analysis.partition": "CutError PartitionStage",
    "analysis.path_enumeration": "SignalPath TooManyPathsError iter_paths",
    "analysis.path_sums": "LengthUnit",
    "analysis.paths": "PathCounts",
    "analysis.printed_number": "PrintedNumberError",
    "analysis.training_choices": "OPTIMIZERS PRECISIONS Optimizer Precision TrainingCostError",
    "analysis.training_cost": "TrainingCost",
    "api": "bundled check from_pretrained load load_overridden make_input_sources schema",
    "architecture": "Architecture",
    "codegen.errors": "BuildError CheckpointWarning CudaGraphWarning InternalError MissingDeviceError WeightsError WeightsNote WeightsWarning",
    "codegen.fx.assemble": "Checkpoint",
    "codegen.fx.reference_comparison": "ReferenceComparison",
    "codegen.fx.reference_models": "ReferenceModelError parse_arguments",
    "codegen.fx.trial": "Trial",
    "codegen.fx.weight_files.fit": "WeightReport",
    "draw.picture": "Detail Direction DrawError Fit Picture",
    "errors": "ArchspecError Diagnostic ExportError LimitError Note SpecError",
    "extras": "UnavailableError",
    "formats": "FORMATS Format FormatKind find_format list_endings",
    "hub": "HubError",
    "importing.decompile": "DecompileError",
    "ir.parts": "UnknownPartError",
    "ops.base": "ShapeError",
    "model_import": "ImportModelError Imported imported",
    "network": "Network",
    "passes.contract": "PassError",
    "passes.lesion": "LesionPlan plan_lesion",
    "pipeline": "Pipeline",
    "recording.problems": "ImportProblem",
    "recording.proof": "ImportProof",
    "report.comparison": "format_comparison render_comparison",
    "report.count_explanation": "format_count_explanation",
    "report.data": "MOST_NETWORKS TooLargeError",
    "report.table": "Summary render_summary",
    "spans": "Source Span",
    "spec.budget": "Budget",
    "spec.ledger": "LedgerRow load_ledger",
    "spec.limits": "Limits",
    "spec.refusals": "SpecFileError SpecNotFoundError SpecTypeError",
    "spec.yaml_reader": "decode_source",
    "spec.zoo": "ZooEntry load_zoo",
}
"""The module of each public name, for use at run time; `tests/test_face.py` compares it with the imports above."""
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
