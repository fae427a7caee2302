"""Expands a chain of residual units with linear branches into a sum of products (Veit et al. 2016, arXiv:1605.06431, equation 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from archspec.errors import Diagnostic, SpecError
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.signal_flow import find_residual_operands, list_signal_operands
from archspec.ops.join import Add

Term = tuple[str, ...]
"""A product of operators in the order of writing: the one applied last comes first."""


@dataclass(frozen=True)
class ResidualUnit:
    """Unit k of a chain: x[k+1] = T[k+1] (S[k] + W[k]) x[k].

    `branch` is W, the residual branch; `shortcut` is S, empty for the identity; `before` is T, the ops between the last unit
    and this one, empty for the first unit. Each is the names of its ops, in order.

    >>> ResidualUnit("unit.0", branch=("unit.0.0",), shortcut=(), before=()).shortcut
    ()
    """

    name: str
    branch: Term
    shortcut: Term
    before: Term


@dataclass(frozen=True)
class Expansion:
    """A chain of n residual units with parts taken as linear: a sum of 2**n terms, one for each path.

    >>> unit = ResidualUnit("unit", branch=("linear",), shortcut=(), before=())
    >>> print(Expansion((unit, unit)).formula())
    x2 = x0 + W0 x0 + W1 x0 + W1 W0 x0
    >>> print(Expansion((unit, unit)).gradient_formula(0))
    dL/dW0 = (I + W1ᵀ) g x0ᵀ
    """

    units: tuple[ResidualUnit, ...]

    def terms(self) -> Iterator[Term]:
        """The products whose sum, applied to x0, is the result of the chain. The first has only skip connections; the choice in the
        last unit changes slowest.
        """
        for chosen in product((False, True), repeat=len(self.units)):
            yield self._forward(tuple(enumerate(reversed(chosen))))

    def gradient(self, unit: int) -> Iterator[Term]:
        """The products P in dL/dW[unit] = (sum of P) g xᵀ, where g is the gradient at the end and x is the input of the unit.

        There are 2**(n - 1 - unit), all of transposes. Raises `IndexError`.
        """
        if not 0 <= unit < len(self.units):
            raise IndexError(f"the chain has units 0 to {len(self.units) - 1}, not {unit}")
        behind = range(unit + 1, len(self.units))
        for chosen in product((False, True), repeat=len(behind)):
            yield self._backward(tuple(zip(behind, reversed(chosen), strict=True)))

    def _forward(self, choices: tuple[tuple[int, bool], ...]) -> Term:
        return tuple(symbol for unit, long in reversed(choices) for symbol in self._passed(unit, long))

    def _backward(self, choices: tuple[tuple[int, bool], ...]) -> Term:
        return tuple(symbol for unit, long in choices for symbol in reversed(self._passed(unit, long)))

    def _passed(self, number: int, long: bool) -> Term:
        """The factor of one unit: its branch or its skip connection, and the ops before the unit."""
        unit = self.units[number]
        way = (f"W{number}",) if long else (f"S{number}",) if unit.shortcut else ()
        return (*way, f"T{number}") if unit.before else way

    def formula(self, limit: int = 64) -> str:
        """The sum with its first `limit` terms: `x2 = x0 + W0 x0 + W1 x0 + W1 W0 x0`."""
        return f"x{len(self.units)} = {_format_sum((_format_term((*term, 'x0')) for term in self.terms()), limit)}"

    def gradient_formula(self, unit: int, limit: int = 64) -> str:
        """The gradient with its first `limit` terms: `dL/dW0 = (I + W1ᵀ) g x0ᵀ`."""
        terms = (_format_term(tuple(f"{symbol}ᵀ" for symbol in term)) or "I" for term in self.gradient(unit))
        return f"dL/dW{unit} = ({_format_sum(terms, limit)}) g x{unit}ᵀ"

    def legend(self) -> Iterator[tuple[str, str, Term]]:
        """Each operator with its unit and the ops that it stands for."""
        for number, unit in enumerate(self.units):
            for letter, ops in (("T", unit.before), ("W", unit.branch), ("S", unit.shortcut)):
                if ops:
                    yield f"{letter}{number}", unit.name, ops

    def __str__(self) -> str:
        return self.formula()

    def as_dict(self, limit: int = 64) -> dict[str, object]:
        return {
            "units": [
                {"name": residual_unit.name, "branch": residual_unit.branch, "shortcut": residual_unit.shortcut}
                for residual_unit in self.units
            ],
            "terms": 2 ** len(self.units),
            "operators": {symbol: list(ops) for symbol, _, ops in self.legend()},
            "formula": self.formula(limit),
            "gradients": [self.gradient_formula(unit, limit) for unit in range(len(self.units))],
        }


def _format_term(term: Term) -> str:
    return " ".join(term)


def _format_sum(terms: Iterator[str], limit: int) -> str:
    shown = [term for _, term in zip(range(limit), terms, strict=False)]
    more = next(terms, None) is not None
    return " + ".join([*shown, "…"] if more else shown)


def expand_residual_chain(graph: Graph) -> Expansion:
    """The expansion of a network that is a chain of residual units, each the sum of a branch and a skip connection (Veit et al. 2016,
    arXiv:1605.06431, equation 6).

    The layers before the first unit compute x0; those after the last unit are applied to its result. Gates belong to the ops that they gate.

    Raises:
        SpecError: a join is no such sum, or its operands do not start at the same value.

    >>> import archspec
    >>> expand_residual_chain(archspec.load({"name": "a", "input": [4], "stages": {"unit": {"add": [{"linear": 4}, "identity"]}}}).graph)
    Expansion(units=(ResidualUnit(name='unit', branch=('unit.0',), shortcut=(), before=()),))
    """
    flags = find_residual_operands(graph)
    units: list[ResidualUnit] = []
    last: Node | None = None
    for node in graph.ops:
        signal = list_signal_operands(node)
        if len(signal) < 2:
            continue
        if not isinstance(node.op, Add) or len(signal) != 2 or sum(flags[node.id]) != 1:
            raise _no_residual_unit_error(node, "no sum of a branch and a shortcut of fewer weighted layers")
        units.append(_build_unit(graph, node, flags[node.id], last))
        last = node
    if (
        last is None
        or len(graph.outputs) != 1
        or _trace_chain(graph, next(iter(graph.outputs.values())))[1] != last.outputs[0]
    ):
        problem = "has no residual unit" if last is None else "does not end behind its last unit"
        location = last or next(graph.ops)
        raise SpecError(
            Diagnostic(f"the expansion needs a chain of residual units, {graph.name} {problem}", location.span)
        )
    return Expansion(tuple(units))


def _build_unit(graph: Graph, join: Node, flags: tuple[bool, ...], last: Node | None) -> ResidualUnit:
    longer, shorter = (join.inputs[flags.index(flag)] for flag in (True, False))
    branch, root = _trace_chain(graph, longer)
    shortcut, other = _trace_chain(graph, shorter)
    if root != other or root != (last.outputs[0] if last else root):
        raise _no_residual_unit_error(join, "no unit whose two ways part behind the unit before it")
    common = 0
    while common < min(len(branch), len(shortcut)) and branch[common] is shortcut[common]:
        common += 1
    before = branch[:common] if last else ()
    name = graph.regions[join.region].name or join.op.word
    return ResidualUnit(name, _name_ops(branch[common:]), _name_ops(shortcut[common:]), _name_ops(before))


def _trace_chain(graph: Graph, value: Value) -> tuple[tuple[Node, ...], Value]:
    """The chain of ops that computes a value, in order, and the value at its start, of an input or a join."""
    row: list[Node] = []
    while True:
        node = graph.nodes[value.node]
        if not isinstance(node, Node):
            break
        signal = list_signal_operands(node)
        if len(signal) != 1:
            break
        row.append(node)
        value = node.inputs[signal[0]]
    return tuple(reversed(row)), value


def _name_ops(nodes: tuple[Node, ...]) -> Term:
    return tuple(node.name or node.op.word for node in nodes)


def _no_residual_unit_error(node: Node, problem: str) -> SpecError:
    message = f"the expansion needs a chain of residual units; this {node.op.word} is {problem}"
    return SpecError(Diagnostic(message, node.span, use=node.use))
