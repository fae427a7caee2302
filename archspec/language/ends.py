"""Where a network begins and ends, while it is being built: its inputs, its outputs, and what leads to none of these."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archspec.diagnostics import SpecError, fail, shorten
from archspec.graph import Node, Value
from archspec.language.layers import InputUse
from archspec.language.scopes import UNKNOWN, Bundle
from archspec.language.tree import Tree
from archspec.language.values import NO_VALUE, UnknownError, evaluate, rounded
from archspec.numerals import grouped
from archspec.shape import Shape

if TYPE_CHECKING:
    from archspec.language.elaborator import Elaborator

_MOST_AXES = 8  # of an input
_LOST = "lead it into a join, return it with outputs, or leave it out"


def input_value(made: Elaborator, use: InputUse) -> Value:
    """The value of one input."""
    try:
        return made.graph.input(use.name, _shape(made, use.sizes), use.sizes.span)
    except UnknownError:
        return UNKNOWN
    except SpecError as error:
        made.mistakes.report(error)
        return UNKNOWN


def _shape(made: Elaborator, sizes: Tree) -> Shape:
    given = evaluate(sizes, made.document.names, NO_VALUE, None)
    found = tuple(given.values()) if isinstance(given, dict) else given
    most = made.budget.limits.elements
    if not all(isinstance(size, int) and 1 <= size <= most for size in found):
        shown = shorten(", ".join(str(rounded(size)) for size in found))
        fail(f"an input has whole sizes of at least 1, got [{shown}]", sizes.span, None)
    if len(found) > _MOST_AXES:
        fail(f"an input has at most {_MOST_AXES} sizes, got {len(found)}", sizes.span, None)
    if prod(found) > most:
        fail(f"an input has at most {most:,} elements, got {grouped(prod(found))}", sizes.span, None)
    return Shape.named(given) if isinstance(given, dict) else Shape.of(*found)


def name_outputs(made: Elaborator, last: Bundle) -> None:
    """Names the outputs: `output`, or by their stages; those of a bundle are numbered."""
    chosen = made.program.outputs
    if len(chosen) > 1:
        named = [(scalar.text, made.find(scalar.text, made.document)) for scalar in chosen]
    else:
        named = [("output", made.find(chosen[0].text, made.document) if chosen else last)]
    for name, values in named:
        for index, value in enumerate(values):
            if value is not UNKNOWN:
                made.graph.outputs[name if len(values) == 1 else f"{name}{index}"] = value


def check_reached(made: Elaborator) -> None:
    """Reports each layer that reaches no output; values of bundles may be left, and what a wrong layer reads is read."""
    if made.skipped:
        return
    needed = {value.node for value in made.graph.outputs.values()} | made.left
    lost: list[Node] = []
    for node in reversed(made.graph.nodes):
        if not isinstance(node, Node):
            continue
        if node.id in needed:
            needed.update([value.node for value in node.inputs])
        elif not any(value.users for value in node.outputs):
            lost.append(node)
    for node in reversed(lost):
        made.report(f"{_named(node)} reaches no output", node.span, node.use, help=_LOST)


def _named(node: Node) -> str:
    return f"{node.name} ({node.op.word})" if node.path else node.op.word
