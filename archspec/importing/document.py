"""Makes the document of a graph: its terms, as short as the language can say them."""

from __future__ import annotations

from typing import Any

from archspec.importing.block import Block
from archspec.importing.blocks import Blocks
from archspec.importing.defaults import INITIAL, extract_defaults
from archspec.importing.emission import Emitter
from archspec.importing.inline import name_entry
from archspec.importing.labels import name_stages, number_scope
from archspec.importing.levels import list_levels
from archspec.importing.loops import fold_loops, fold_scope
from archspec.importing.places import weigh_scopes
from archspec.importing.single_uses import inline_single_uses, restore_argument_names
from archspec.importing.structure import build_terms
from archspec.importing.terms import Term, iter_terms
from archspec.ir.graph import Graph
from archspec.ir.shape import Shape


def make_document(graph: Graph, name: str, *, compressed: bool = True) -> dict[str, Any]:
    """The plain data of the spec of a graph; unless it is `compressed`, without blocks and iterators."""
    terms, outputs = build_terms(graph)
    values = {name for term in iter_terms(terms) for name in term.results}
    initial = extract_defaults(iter_terms(terms), INITIAL)
    blocks = Blocks({*values, *graph.inputs, *outputs}, weigh_scopes(terms))
    _finish_scopes(terms, blocks if compressed else None)
    inline_single_uses(terms, blocks.blocks)
    restore_argument_names(terms, blocks.blocks)
    terms = terms or [Term("op", "identity")]
    name_stages(terms, {*graph.inputs, *outputs, *(term.name or "" for term in terms)})
    terms += _alias_outputs(outputs, terms)
    everything = [terms, *(layers for block in blocks.blocks.values() for layers in block.iter_lists())]
    found = extract_defaults(term for body in everything for term in iter_terms(body))
    defaults = {word: {**found.get(word, {}), **initial.get(word, {})} for word in sorted({*found, *initial})}
    emitter = Emitter(blocks.blocks)
    document: dict[str, Any] = {"name": name, "source": graph.source, **_write_inputs(graph), "defaults": defaults}
    document["blocks"] = {name: _write_block(block, emitter) for name, block in blocks.blocks.items()}
    document = {key: value for key, value in document.items() if value}
    return {**document, "stages": emitter.write_stages(terms), **_choose_outputs(outputs, terms)}


def _finish_scopes(terms: list[Term], blocks: Blocks | None) -> None:
    """Gives the scopes the names that they need, inner ones first, and makes iterators and blocks of them if there is a place for blocks."""
    levels = list_levels(terms)
    for join in iter_terms(terms):
        if join.kind == "join" and join.name is not None:
            number_scope([inner for branch in join.branches for inner in branch])
    for level in levels:
        for scope in level:
            number_scope(scope.body)
            scope.branches[0] = scope.body if blocks is None else fold_loops(scope.body)
        if blocks is not None:
            blocks.extract([scope for scope in level if scope.closed])
        for scope in [own for own in level if own.kind == "scope"]:
            if scope.closed:
                name_entry(scope)
            if scope.body and blocks is not None:
                fold_scope(scope)


def _write_block(block: Block, emitter: Emitter) -> Any:
    body = emitter.write_body(block.body)
    if not block.arguments and not block.layers:
        return body if isinstance(body, list) else {"layers": body}
    numbers = {name: block.types[name] if value is None else value for name, value in block.arguments.items()}
    layers = {
        name: "layer" if default is None else emitter.write_given(default) for name, default in block.layers.items()
    }
    required = {name: kind for name, kind in layers.items() if block.layers[name] is None}
    return {"args": {**required, **numbers, **layers}, "layers": body}


def _write_inputs(graph: Graph) -> dict[str, Any]:
    if list(graph.inputs) == ["input"]:
        return {"input": _write_shape(graph.inputs["input"].shape)}
    return {"inputs": {name: _write_shape(value.shape) for name, value in graph.inputs.items()}}


def _write_shape(shape: Shape) -> Any:
    return list(shape.sizes) if shape == Shape.of(*shape.sizes) else dict(zip(shape.names, shape.sizes, strict=True))


def _alias_outputs(outputs: dict[str, str], terms: list[Term]) -> list[Term]:
    """Stages for the outputs that are no stages of their names."""
    stages = {(term.name, *term.results) for term in terms}
    return [
        Term("value", value, name=name)
        for name, value in outputs.items()
        if (name, value) not in stages and (len(outputs) > 1 or value not in {stage for stage, *_ in stages})
    ]


def _choose_outputs(outputs: dict[str, str], terms: list[Term]) -> dict[str, Any]:
    if not outputs:
        return {}
    if len(outputs) > 1:
        return {"outputs": list(outputs)}
    ((name, value),) = outputs.items()
    return {"output": name if terms[-1].name == name else value}
