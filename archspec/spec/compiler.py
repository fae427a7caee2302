"""Compiles a spec: reads, binds and elaborates its text, and applies its passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from archspec.errors import Collector, Diagnostic, LimitError, Note, SpecError, raise_spec_error
from archspec.ir.graph import Graph
from archspec.spans import Source, Span
from archspec.spec import bundled
from archspec.spec.bound_tree import GivenInput, PassUse, Program, locate_fields
from archspec.spec.budget import MORE_NODES, Budget
from archspec.spec.declarations import bind_document
from archspec.spec.document import Document
from archspec.spec.extends import SpecLoader
from archspec.spec.limits import Limits
from archspec.spec.networks import attach_networks
from archspec.spec.pydantic_errors import report_validation_error
from archspec.spec.runtime import pause_garbage_collection
from archspec.spec.source_lookup import make_override_source
from archspec.spec.stages import bind_program, elaborate_program
from archspec.spec.unused import find_unread_inputs
from archspec.spec.values import NO_VALUE, evaluate_tree, round_fractions
from archspec.spec.yaml_tree import locate_part

if TYPE_CHECKING:
    from archspec.passes import PassError

_PASS = (
    20  # units of work for each node that a pass looks at and whose result is checked, beside those for what it makes
)


def compile_source(
    source: Source,
    path: Path | None,
    limits: Limits | Budget,
    overrides: Mapping[str, Any],
    inputs: Mapping[str, Source] | None = None,
) -> tuple[Program, Graph, str, dict[str, str]]:
    """The program of a source, its graph after all passes, its text, and the overrides as text.

    Args:
        source: the spec.
        path: its file, if it has one.
        limits: how much it may ask for.
        overrides: values in the place of its `args`.
        inputs: sizes in the place of those of its inputs, as `archspec.spec.input_override.make_input_sources` gives them.

    Raises:
        SpecError: the spec is not a network.
    """
    budget = Budget.of(limits)
    with budget.running(), pause_garbage_collection():
        return _compile_within(source, path, budget, overrides, inputs or {})


def _compile_within(
    source: Source,
    path: Path | None,
    budget: Budget,
    overrides: Mapping[str, Any],
    inputs: Mapping[str, Source],
) -> tuple[Program, Graph, str, dict[str, str]]:
    loader = SpecLoader(
        path.parent if path is not None else None, bundled.find_bundled_spec, bundled.list_bundled_names, budget.limits
    )
    document = loader.load(source, path)
    if document is not None:
        attach_networks(document, loader, path, bind_document)
    given = {name: make_override_source(name, value, budget.limits) for name, value in overrides.items()}
    resized: tuple[GivenInput, ...] = ()
    if document is not None and inputs:
        resized, arguments = _override_inputs(document, inputs, given, loader.errors)
        given |= arguments
    bound = bind_program(document, loader.errors, overrides=given, budget=budget)
    bound.given_inputs = resized
    try:
        graph, names = elaborate_program(bound, budget)
    except LimitError:
        raise
    except SpecError as error:
        raise SpecError(*_explain_inputs(bound, error)) from None
    bound.warnings += find_unread_inputs(bound, graph)
    for use in bound.passes:
        budget.charge("passes", _PASS * len(graph.nodes), use.span)
        graph = _apply_pass(graph, use, names)
        if len(graph.nodes) > budget.limits.nodes:
            raise_spec_error(
                f"the network has more than {budget.limits.nodes:,} nodes", use.span, None, help=MORE_NODES
            )
    if resized:
        bound.warnings += _warn_resized_weights(graph, resized)
    return bound, graph, source.text, {name: override.yaml.strip() for name, override in given.items()}


def _override_inputs(
    document: Document, inputs: Mapping[str, Source], overrides: Mapping[str, Source], errors: Collector
) -> tuple[tuple[GivenInput, ...], dict[str, Source]]:
    from archspec.spec.input_override import override_inputs

    return override_inputs(document, inputs, overrides, errors)


def _explain_inputs(bound: Program, error: SpecError) -> Iterator[Diagnostic]:
    """The diagnostics of an error, with what is said of inputs: one that is another than the one that is meant may be why."""
    spans = {use.sizes.span for use in bound.inputs}
    yield from (override for override in bound.warnings if override.span in spans)
    if not bound.given_inputs:
        yield from error.diagnostics
        return
    from archspec.spec.resized_inputs import explain_mistakes

    yield from explain_mistakes(error.diagnostics, bound)


def _warn_resized_weights(graph: Graph, given: tuple[GivenInput, ...]) -> tuple[Diagnostic, ...]:
    from archspec.spec.resized_inputs import warn_resized_weights

    return tuple(warn_resized_weights(graph, given))


def _apply_pass(graph: Graph, use: PassUse, names: Mapping[str, object]) -> Graph:
    """The graph after one pass. Raises `SpecError` at the pass, or at the argument that is wrong."""
    from archspec.passes import PassError
    from archspec.passes.registry import BY_WORD

    chosen = BY_WORD[use.word]
    values = {field.name: round_fractions(evaluate_tree(field.value, names, NO_VALUE, None)) for field in use.arguments}
    try:
        return chosen.run(graph, dict(chosen.arguments.model_validate(values)))
    except ValidationError as error:
        errors = Collector()
        report_validation_error(
            error, use.word, chosen.arguments, locate_fields(use.arguments), span=use.span, errors=errors
        )
        raise SpecError(*errors.diagnostics) from None
    except PassError as error:
        notes = (Note(error.span, "made here"),) if error.span else ()
        raise SpecError(Diagnostic(error.message, _locate_argument(use, error), notes, help=error.help)) from None


def _locate_argument(use: PassUse, error: PassError) -> Span:
    """The span of the argument that an error is about, or else of the pass."""
    field = next((field for field in use.arguments if error.argument[:1] == (field.name,)), None)
    return locate_part(field.value, error.argument[1:]).span if field else use.span
