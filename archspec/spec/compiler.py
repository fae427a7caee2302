"""Compiles a spec: reads, binds and elaborates its text, and applies its passes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from archspec.errors import Collector, Diagnostic, LimitError, Note, SpecError, raise_spec_error
from archspec.ir.graph import Graph
from archspec.spans import Source, Span
from archspec.spec import bundled
from archspec.spec.bound_tree import PassUse, Program, locate_fields
from archspec.spec.budget import MORE_NODES, Budget
from archspec.spec.extends import SpecLoader
from archspec.spec.limits import Limits
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
    source: Source, path: Path | None, limits: Limits | Budget, overrides: Mapping[str, Any]
) -> tuple[Program, Graph, str, dict[str, str]]:
    """The program of a source, its graph after all passes, its text, and the overrides as text.

    Raises:
        SpecError: the spec is not a network.
    """
    budget = Budget.of(limits)
    with budget.running(), pause_garbage_collection():
        return _compile_within(source, path, budget, overrides)


def _compile_within(
    source: Source, path: Path | None, budget: Budget, overrides: Mapping[str, Any]
) -> tuple[Program, Graph, str, dict[str, str]]:
    loader = SpecLoader(
        path.parent if path is not None else None, bundled.find_bundled_spec, bundled.list_bundled_names, budget.limits
    )
    document = loader.load(source, path)
    given = {name: make_override_source(name, value, budget.limits) for name, value in overrides.items()}
    bound = bind_program(document, loader.errors, overrides=given, budget=budget)
    try:
        graph, names = elaborate_program(bound, budget)
    except LimitError:
        raise
    except SpecError as error:  # an implausible input may be the cause, so its warnings are added
        inputs = {use.sizes.span for use in bound.inputs}
        raise SpecError(
            *(override for override in bound.warnings if override.span in inputs), *error.diagnostics
        ) from None
    bound.warnings += find_unread_inputs(bound, graph)
    for use in bound.passes:
        budget.charge("passes", _PASS * len(graph.nodes), use.span)
        graph = _apply_pass(graph, use, names)
        if len(graph.nodes) > budget.limits.nodes:
            raise_spec_error(
                f"the network has more than {budget.limits.nodes:,} nodes", use.span, None, help=MORE_NODES
            )
    return bound, graph, source.text, {name: override.yaml.strip() for name, override in given.items()}


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
