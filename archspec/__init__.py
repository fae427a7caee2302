"""archspec: a network is data.

>>> import archspec
>>> archspec.load("resnet50").params
25557032
"""

from archspec.api import bundled, check, load
from archspec.architecture import Architecture
from archspec.errors import Diagnostic, SpecError
from archspec.spec.budget import Budget
from archspec.spec.limits import Limits
from archspec.spec.refusals import SpecFileError, SpecNotFoundError, SpecTypeError

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
