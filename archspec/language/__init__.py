"""The language: YAML to a located tree, to a document, to a program, to a graph."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.diagnostics import Collector, Diagnostic, Source, Span, SpecError, fold
from archspec.graph import Graph
from archspec.language.budget import Budget
from archspec.language.declare import bind
from archspec.language.document import Document
from archspec.language.elaborator import Elaborator
from archspec.language.layers import Program
from archspec.language.limits import DEFAULT, Limits
from archspec.language.reader import read
from archspec.language.rewrites import Rewrites
from archspec.language.runtime import deep
from archspec.language.size import check_size
from archspec.language.tree import Tree

__all__ = ["DEFAULT", "Budget", "Limits", "elaborate", "program"]


def program(
    document: Document | None,
    found: Collector,
    *,
    rewrites: Rewrites,
    overrides: Mapping[str, Source] | None = None,
    budget: Budget,
) -> Program:
    """The bound program of a document.

    Raises:
        SpecError: everything that is wrong with it and can be seen without shapes.
    """
    if document is not None:
        document.overrides = {name: _value(name, source, budget) for name, source in (overrides or {}).items()}
        with deep(budget.limits.depth):
            bound = bind(document, rewrites, found)
    found.raise_if_any()
    bound.warnings = fold(found.warnings)
    return bound


def _value(name: str, source: Source, budget: Budget) -> Tree:
    if not source.yaml.strip():
        raise SpecError(Diagnostic(f"{name} has no value", Span(source, 1, 1, len(source.text))))
    return read(source, budget.limits)


def elaborate(program: Program, budget: Budget) -> tuple[Graph, Mapping[str, object]]:
    """The graph of a program, and the values of the document's arguments.

    Raises:
        SpecError: all layers that do not fit, but for those that read what these make, and the layers that reach no output.
    """
    with deep(budget.limits.nesting):
        check_size(program, budget)
        elaborator = Elaborator(program, budget)
        return elaborator.elaborate(), elaborator.document.names
