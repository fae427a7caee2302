"""Computes the expected number of residual branches that stochastic depth keeps."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from archspec.ir.graph import Graph
from archspec.ops.dropout import DropPath


@dataclass(frozen=True, slots=True)
class ExpectedDepth:
    """The distribution of the number of residual branches that stochastic depth keeps, a sum of independent draws.

    >>> ExpectedDepth(kept=Fraction(7, 2), total=4, variance=Fraction(1, 4)).as_dict()
    {'kept': 3.5, 'total': 4, 'variance': 0.25}
    """

    kept: Fraction
    """Its mean, E(L~) in Huang et al. 2016, section 3."""
    total: int
    """The number of branches that may be dropped, L."""
    variance: Fraction

    def as_dict(self) -> dict[str, float | int]:
        """The figures as plain data, for `--json`."""
        return {"kept": float(self.kept), "total": self.total, "variance": float(self.variance)}


def expected_depth(graph: Graph) -> ExpectedDepth | None:
    """The expected depth in training, in residual branches: the sum of their survival probabilities (Huang et al. 2016,
    arXiv:1603.09382, section 3); None if the network has no `droppath`.

    The result is exact, as probabilities are fractions.

    >>> import archspec
    >>> expected_depth(archspec.load("stochastic_depth_resnet110_uniform").graph).as_dict()
    {'kept': 27.0, 'total': 54, 'variance': 13.5}
    """
    survivals = [1 - node.op.probability for node in graph.ops if isinstance(node.op, DropPath)]
    if not survivals:
        return None
    kept = sum(survivals, Fraction())
    return ExpectedDepth(kept, len(survivals), sum((q * (1 - q) for q in survivals), Fraction()))
