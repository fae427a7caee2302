"""Counts the work of a network by the rules of other tools, each of them a sum of kinds of work with factors.

`docs/counting.md` has the rules with their sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspec.analysis.work_kinds import MACS
from archspec.errors import ArchspecError
from archspec.suggestions import did_you_mean


class UnknownConventionError(ArchspecError, LookupError):
    """Raised for the name of a convention that there is not.

    >>> find_convention("fvcor")
    Traceback (most recent call last):
        ...
    archspec.analysis.conventions.UnknownConventionError: there is no convention 'fvcor'; did you mean 'fvcore'?
    """


@dataclass(frozen=True, slots=True)
class Convention:
    """A rule of counting: a factor for each kind of work (`archspec.analysis.work_kinds.KINDS`); other kinds are not counted.

    >>> find_convention("pycls").count({"conv": 100, "conv bias": 5, "batchnorm": 7})
    105
    """

    name: str
    unit: str
    """What its number is called where it is printed."""
    rule: str
    """The rule in words."""
    factors: Mapping[str, int]

    def count(self, work: Mapping[str, int]) -> int:
        """The number of the convention for some work."""
        return sum(factor * work.get(kind, 0) for kind, factor in self.factors.items())

    @property
    def multiple_of_macs(self) -> int | None:
        """How often it counts each multiply-accumulate if it counts nothing else; None if it does."""
        factors = set(self.factors.values())
        return factors.pop() if self.factors.keys() == set(MACS) and len(factors) == 1 else None

    def terms(self, work: Mapping[str, int]) -> tuple[Term, ...]:
        """What its number for some work is the sum of."""
        return tuple(Term(kind, factor, work[kind]) for kind, factor in self.factors.items() if work.get(kind, 0))


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a count: an amount of work of one kind, with its factor.

    >>> Term("batchnorm", 2, 100).value
    200
    """

    kind: str
    factor: int
    amount: int

    @property
    def value(self) -> int:
        return self.factor * self.amount

    def as_dict(self) -> dict[str, object]:
        return {"kind": self.kind, "factor": self.factor, "amount": self.amount, "value": self.value}


def _scaled(*kinds: str, by: int = 1) -> dict[str, int]:
    return dict.fromkeys(kinds, by)


def _norms(*kinds: str, factored: int, plain: int) -> dict[str, int]:
    return {name: value for kind in kinds for name, value in ((kind, factored), (f"plain {kind}", plain))}


_FVCORE = {
    **_scaled("conv", "transposed conv", "linear", "projection", "matmul"),
    **_norms("batchnorm", factored=2, plain=1),
    **_norms("layernorm", "groupnorm", "instancenorm", factored=5, plain=4),
    "global pool inputs": 1,
    "nearest upsampling": 1,
    "bilinear upsampling": 4,
}
_THOP = {
    **_scaled("conv", "linear", "transposed conv, by its outputs"),
    **_norms("batchnorm", "layernorm", "instancenorm", factored=4, plain=2),
    **_scaled("prelu", "avgpool outputs", "global pool inputs", "other global pool inputs", "global pool outputs"),
    "softmax": 3,
    "softmax sums": -1,
    **_scaled("nearest upsampling", "other nearest upsampling"),
    "linear upsampling": 5,
    "bilinear upsampling": 11,
    "bicubic upsampling": 259,
}
_DEEPSPEED = {
    **_scaled(*MACS, by=2),
    "conv bias": 1,
    **_norms("batchnorm", factored=2, plain=1),
    **_norms("layernorm", "groupnorm", "instancenorm", factored=5, plain=4),
    **_scaled("relu", "leakyrelu", "prelu", "elu", "gelu", "silu", "softmax"),
    **_scaled("maxpool inputs", "avgpool inputs", "global pool inputs", "other global pool inputs"),
    **_scaled("global maxpool inputs", "upsampling by a factor", "places of an upsampling to a size"),
}
CONVENTIONS = (
    Convention(
        "macs", "MACs", "multiply-accumulates of convolutions, linear layers and matrix products", _scaled(*MACS)
    ),
    Convention("flops", "FLOPs", "2 × MACs", _scaled(*MACS, by=2)),
    Convention(
        "pycls",
        "pycls FLOPs",
        "MACs and the additions of biases",
        _scaled(*MACS, "conv bias", "linear bias", "projection bias"),
    ),
    Convention(
        "fvcore", "fvcore FLOPs", "MACs without those of fused attention, 2 for each normalised element, …", _FVCORE
    ),
    Convention("timm", "timm GMACs", "fvcore's, with which timm measures", _FVCORE),
    Convention("thop", "thop MACs", "MACs of modules, 4 for each normalised element, …", _THOP),
    Convention("deepspeed", "DeepSpeed FLOPs", "2 × MACs, 1 for each activated or pooled element, …", _DEEPSPEED),
)
"""The conventions; `macs` is archspec's own, which torchvision's documentation states too."""
CONVENTION_NAMES = tuple(convention.name for convention in CONVENTIONS)


def find_convention(name: str) -> Convention:
    """The convention of a name.

    Raises:
        UnknownConventionError: there is none.

    >>> find_convention("thop").unit
    'thop MACs'
    """
    for convention in CONVENTIONS:
        if convention.name == name:
            return convention
    raise UnknownConventionError(f"there is no convention {name!r}; {did_you_mean(name, CONVENTION_NAMES)}")
