"""archspec: a network is data.

>>> import archspec
>>> archspec.load("resnet50").params
25557032
"""

from archspec.architecture import Architecture
from archspec.diagnostics import Diagnostic, SpecError
from archspec.language.budget import Budget
from archspec.language.limits import Limits
from archspec.language.refusals import SpecFileError, SpecNotFoundError, SpecTypeError
from archspec.loading import bundled, check, load

__all__ = [
    "Architecture",
    "Budget",
    "Diagnostic",
    "Limits",
    "SpecError",
    "SpecFileError",
    "SpecNotFoundError",
    "SpecTypeError",
    "bundled",
    "check",
    "load",
]
__version__ = "0.1.0"
