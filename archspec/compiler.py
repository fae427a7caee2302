"""From a spec to a program and a graph: finds the text, has it read, bound and elaborated, and lets the passes follow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from archspec import library
from archspec.diagnostics import Collector, Diagnostic, LimitError, Note, Source, Span, SpecError, fail
from archspec.graph import Graph
from archspec.language import Budget, Limits, elaborate, program
from archspec.language.budget import MORE_NODES
from archspec.language.explain import explain
from archspec.language.given import option
from archspec.language.layers import PassUse, Program, places
from archspec.language.load import Loader
from archspec.language.runtime import uncollected
from archspec.language.tree import locate
from archspec.language.unused import find_unread_inputs
from archspec.language.values import NO_VALUE, evaluate, rounded
from archspec.passes import ARGUMENTS, BY_WORD, PassError

_PASS = 6  # units of work for each node that a pass looks at, beside those for what it makes


def compiled(
    source: Source, path: Path | None, limits: Limits | Budget, overrides: Mapping[str, Any]
) -> tuple[Program, Graph, str, dict[str, str]]:
    """The program of a source, its graph after all passes, its text, and the overrides as text.

    Raises:
        SpecError: the spec is not a network.
    """
    budget = Budget.of(limits)
    with budget.running(), uncollected():
        return _compiled(source, path, budget, overrides)


def _compiled(
    source: Source, path: Path | None, budget: Budget, overrides: Mapping[str, Any]
) -> tuple[Program, Graph, str, dict[str, str]]:
    loader = Loader(path.parent if path is not None else None, library.find, library.names, budget.limits)
    document = loader.load(source, path)
    given = {name: option(name, value, budget.limits) for name, value in overrides.items()}
    bound = program(document, loader.found, rewrites=ARGUMENTS, overrides=given, budget=budget)
    try:
        graph, names = elaborate(bound, budget)
    except LimitError:
        raise
    except SpecError as error:  # an input that is another than the one that is meant may be why
        inputs = {use.sizes.span for use in bound.inputs}
        raise SpecError(*(found for found in bound.warnings if found.span in inputs), *error.diagnostics) from None
    bound.warnings += find_unread_inputs(bound, graph)
    for use in bound.passes:
        budget.charge("passes", _PASS * len(graph.nodes), use.span)
        graph = _rewritten(graph, use, names)
        if len(graph.nodes) > budget.limits.nodes:
            fail(f"the network has more than {budget.limits.nodes:,} nodes", use.span, None, help=MORE_NODES)
    return bound, graph, source.text, {name: found.yaml.strip() for name, found in given.items()}


def _rewritten(graph: Graph, use: PassUse, names: Mapping[str, object]) -> Graph:
    """The graph after one pass. Raises `SpecError` at the word that asked for it."""
    model = ARGUMENTS[use.word]
    values = {field.name: rounded(evaluate(field.value, names, NO_VALUE, None)) for field in use.arguments}
    try:
        chosen = model.model_validate(values)
        return BY_WORD[use.word](graph, **dict(chosen))
    except ValidationError as error:
        found = Collector()
        explain(error, use.word, model, places(use.arguments), span=use.span, into=found)
        raise SpecError(*found.found) from None
    except PassError as error:
        notes = (Note(error.span, "made here"),) if error.span else ()
        raise SpecError(Diagnostic(error.message, _asked(use, error), notes, help=error.help)) from None


def _asked(use: PassUse, error: PassError) -> Span:
    """The argument of a pass that an error is about, or the pass."""
    field = next((field for field in use.arguments if error.argument[:1] == (field.name,)), None)
    return locate(field.value, error.argument[1:]).span if field else use.span
