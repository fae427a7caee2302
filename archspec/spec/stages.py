"""Binds a document to a program, and elaborates a program to a graph."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.errors import Collector, Diagnostic, SpecError, merge_diagnostics
from archspec.ir.graph import Graph
from archspec.spans import Source, Span
from archspec.spec.bound_tree import ArgumentDef, Program
from archspec.spec.budget import Budget
from archspec.spec.declarations import bind_document, bind_override
from archspec.spec.document import Document
from archspec.spec.elaborator import Elaborator
from archspec.spec.runtime import allow_deep_recursion
from archspec.spec.size_estimate import check_size
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import Tree


def bind_program(
    document: Document | None,
    errors: Collector,
    *,
    overrides: Mapping[str, Source] | None = None,
    budget: Budget,
) -> Program:
    """The bound program of a document.

    Raises:
        SpecError: all errors that can be found without shapes.
    """
    if document is not None:
        document.overrides = {name: _read_override(name, source, budget) for name, source in (overrides or {}).items()}
        with allow_deep_recursion(budget.limits.depth):
            bound = bind_document(document, errors)
    errors.raise_if_any()
    bound.warnings = merge_diagnostics(errors.warnings)
    return bound


def bind_argument(document: Document, program: Program, name: str, value: Source, budget: Budget) -> ArgumentDef | None:
    """An argument of a document that is bound already, with a value from outside; None if that is wrong."""
    errors = Collector()
    try:
        with allow_deep_recursion(budget.limits.depth):
            parameter = bind_override(document, program, name, _read_override(name, value, budget), errors)
    except SpecError:
        return None
    return None if errors.diagnostics else parameter


def _read_override(name: str, source: Source, budget: Budget) -> Tree:
    if not source.yaml.strip():
        raise SpecError(Diagnostic(f"{name} has no value", Span(source, 1, 1, len(source.text))))
    return read_tree(source, budget.limits)


def elaborate_program(program: Program, budget: Budget) -> tuple[Graph, Mapping[str, object]]:
    """The graph of a program, and the values of the document's arguments.

    Raises:
        SpecError: all layers that do not fit, except those that depend on others, and the layers that reach no output.
    """
    with allow_deep_recursion(budget.limits.nesting):
        check_size(program, budget)
        elaborator = Elaborator(program, budget)
        return elaborator.elaborate(), elaborator.document.names
