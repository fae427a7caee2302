"""Adds the inputs and outputs of a network, and reports layers that reach no output."""

from __future__ import annotations

from math import prod

from archspec.errors import SpecError, raise_spec_error
from archspec.ir.graph import Node, Value
from archspec.ir.shape import Shape
from archspec.ir.uses import find_ancestors
from archspec.numerals import format_number
from archspec.printable import shorten_text
from archspec.spec.bound_tree import InputUse
from archspec.spec.elaboration import Elaboration
from archspec.spec.environment import UNKNOWN, Bundle
from archspec.spec.values import NO_VALUE, UnknownError, evaluate_tree, round_fractions
from archspec.spec.yaml_tree import Tree

_MOST_AXES = 8  # the most axes of an input
_LOST = "lead it into a join, return it with outputs, or leave it out"


def add_input(elaboration: Elaboration, use: InputUse) -> Value:
    """Adds an input and returns its value."""
    try:
        return elaboration.graph.add_input(use.name, evaluate_shape(elaboration, use.sizes), use.sizes.span)
    except UnknownError:
        return UNKNOWN
    except SpecError as error:
        elaboration.mistakes.report(error)
        return UNKNOWN


def evaluate_shape(elaboration: Elaboration, sizes: Tree) -> Shape:
    """The shape of an input. Raises `SpecError`."""
    given = evaluate_tree(sizes, elaboration.document.names, NO_VALUE, None)
    evaluated = tuple(given.values()) if isinstance(given, dict) else given
    most = elaboration.budget.limits.elements
    if not all(isinstance(size, int) and size >= 1 for size in evaluated):
        shown = shorten_text(", ".join(str(round_fractions(size)) for size in evaluated))
        raise_spec_error(f"an input has whole sizes of at least 1, got [{shown}]", sizes.span, None)
    if len(evaluated) > _MOST_AXES:
        raise_spec_error(f"an input has at most {_MOST_AXES} sizes, got {len(evaluated)}", sizes.span, None)
    if prod(evaluated) > most:
        raise_spec_error(
            f"an input has at most {most:,} elements, got {format_number(prod(evaluated))}", sizes.span, None
        )
    return Shape.named(given) if isinstance(given, dict) else Shape.of(*evaluated)


def name_outputs(elaboration: Elaboration, last: Bundle) -> None:
    """Names the outputs `output` or by their stages; the values of a bundle are numbered."""
    chosen = elaboration.program.outputs
    if len(chosen) > 1:
        named = [(scalar.text, elaboration.find(scalar.text, elaboration.document)) for scalar in chosen]
    else:
        named = [("output", elaboration.find(chosen[0].text, elaboration.document) if chosen else last)]
    for name, values in named:
        for index, value in enumerate(values):
            if value is not UNKNOWN:
                elaboration.graph.add_output(name if len(values) == 1 else f"{name}{index}", value)


def check_reached(elaboration: Elaboration) -> None:
    """Reports each layer that reaches no output, except values of bundles and operands of layers with a mistake."""
    if elaboration.skipped:
        return
    graph = elaboration.graph
    ends = {value.node for value in graph.outputs.values()} | elaboration.may_be_unused
    needed = find_ancestors(graph, ends - {UNKNOWN.node})
    for node in graph.ops:
        if node.id not in needed and not any(value.users for value in node.outputs):
            elaboration.report(f"{_describe_node(node)} reaches no output", node.span, node.use, help=_LOST)


def _describe_node(node: Node) -> str:
    return f"{node.name} ({node.op.word})" if node.path else node.op.word
