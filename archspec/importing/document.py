"""Makes the document of a graph: its terms, as short as the language can say them."""

from __future__ import annotations

from typing import Any

from archspec.importing.emission import Emitter
from archspec.importing.inline import name_entry
from archspec.importing.labels import name_stages, number_scope
from archspec.importing.structure import build_terms
from archspec.importing.terms import Term, iter_terms
from archspec.ir.graph import Graph
from archspec.ir.shape import Shape


def make_document(graph: Graph, name: str) -> dict[str, Any]:
    """The plain data of the spec of a graph."""
    terms, outputs = build_terms(graph)
    for term in iter_terms(terms):
        if term.kind == "scope":
            if term.closed:
                name_entry(term)
            number_scope(term.body)
        elif term.kind == "join" and term.name is not None:
            number_scope([inner for branch in term.branches for inner in branch])
    terms = terms or [Term("op", "identity")]
    name_stages(terms, {*graph.inputs, *outputs, *(term.name or "" for term in terms)})
    terms += _alias_outputs(outputs, terms)
    document: dict[str, Any] = {"name": name}
    if graph.source:
        document["source"] = graph.source
    document |= _write_inputs(graph)
    return {**document, "stages": Emitter({}).write_stages(terms), **_choose_outputs(outputs, terms)}


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
