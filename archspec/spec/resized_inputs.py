"""What is said where inputs have other sizes than a spec has: of mistakes that come of it, of weights that become others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archspec.errors import Diagnostic, Note
from archspec.ir.graph import Graph
from archspec.ir.size_dependence import FixedLayer, find_fixed_layers
from archspec.numerals import format_sizes
from archspec.spans import Span
from archspec.spec.bound_tree import GivenInput, OpUse, Program, iter_layers

_PARAMETER = (
    "its size is fixed in the spec: make it arithmetic of arguments that are the sizes of the input, "
    "args: {side: 224}, input: [3, side, side], as vit_b_16 does"
)
_ADVICE = {
    "parameter": "weights for the spec's own size are resized where they are loaded, if they are positions: --adapt positions",
    "linear": "weights for the spec's own size do not fit; with globalpool or adaptivepool before it, any size would do",
}
_OTHER = "weights for the spec's own size do not fit"
_MOST = 5


def explain_mistakes(diagnostics: Sequence[Diagnostic], program: Program) -> Iterator[Diagnostic]:
    """Diagnostics of a network with other inputs: they say so, and what a learned parameter of fixed size needs."""
    notes = tuple(_note_input(item) for item in program.given_inputs)
    parameters = _find_parameter_spans(program)
    for diagnostic in diagnostics:
        fixed = any(note.span in parameters for note in diagnostic.notes)
        help = _PARAMETER if fixed else diagnostic.help
        yield replace(diagnostic, notes=(*diagnostic.notes, *notes), help=help)


def _note_input(given: GivenInput) -> Note:
    own = "×".join("…" if size is None else str(size) for size in given.own)
    return Note(given.span, f"{given.name} is {format_sizes(given.sizes)} in the place of {own}")


def _find_parameter_spans(program: Program) -> set[Span]:
    bodies = (*program.layers, *(layer for block in program.blocks.values() for layer in block.layers))
    layers = (layer for body in bodies for layer in iter_layers(body))
    return {layer.span for layer in layers if isinstance(layer, OpUse) and layer.op.word == "parameter"}


def warn_resized_weights(graph: Graph, given: Sequence[GivenInput]) -> Iterator[Diagnostic]:
    """Warnings about weights that are of other sizes than with the spec's own inputs. That of the channels are meant to be."""
    before = {item.name: shape for item in given if (shape := item.shape_before) is not None}
    found = list(find_fixed_layers(graph, before))
    layers = [layer for layer in found if layer.kind != "code" and layer.node.weights]

    for layer in layers[:_MOST]:
        yield _warn_layer(layer, given[0])
    if len(layers) > _MOST:
        message = f"weights of {len(layers) - _MOST} more layers depend on the size of the input"
        yield Diagnostic(message, given[0].span, severity="warning")
    if layers and found[-1].kind == "shapes" and found[-1] not in layers:
        message = f"weights of layers after {found[-1].name} may depend on the size of the input, too"
        yield Diagnostic(message, given[0].span, severity="warning")


def _warn_layer(layer: FixedLayer, given: GivenInput) -> Diagnostic:
    own = format_sizes(max(layer.node.weights, key=lambda weight: weight.numel).shape)
    message = f"the weights of {layer.name} depend on the size of the input: {own} here"
    notes = (Note(layer.node.span, "made here"),)
    return Diagnostic(message, given.span, notes, help=_ADVICE.get(layer.node.op.word, _OTHER), severity="warning")
