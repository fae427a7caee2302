"""Defines a pass: a checked rewrite of a graph with a name, typed arguments, preconditions and guarantees."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property, update_wrapper
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from archspec.errors import ArchspecError, SpecError
from archspec.ir.graph import Graph
from archspec.ops.base import ShapeError
from archspec.passes.check import BrokenGraphError, check_result
from archspec.spans import Span

Transform = Callable[..., Graph]
"""`def name(graph, *, argument: type = default) -> Graph`; its keyword arguments are those of its word."""
Asker = Literal["spec", "optimizer", "back end"]
"""The origins of a request for a pass: `passes:` of a spec and `Architecture.rewrite`, the pipelines of `optimize`, or a back end."""
Mode = Literal["training", "evaluation"]


class PassError(ArchspecError, ValueError):
    """Raised if a pass cannot be applied to a graph, or broke its contract.

    `span` is the part of the spec that is the cause; `argument` is the path to the wrong part of the pass's arguments.

    >>> import archspec
    >>> archspec.load("vgg16").rewrite("stochastic_depth", survival=0.5)
    Traceback (most recent call last):
        ...
    archspec.passes.contract.PassError: stochastic_depth needs residual branches, this network has none
    """

    def __init__(
        self, message: str, *, help: str | None = None, span: Span | None = None, argument: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message, self.help, self.span, self.argument = message, help, span, argument


class Pass:
    """A rewrite of graphs with its contract, made by `graph_pass`. Calling it runs it and checks the result.

    >>> from archspec.passes.registry import BY_WORD
    >>> BY_WORD["lesion"].name, sorted(BY_WORD["lesion"].arguments.model_fields)
    ('lesion', ['drop', 'swap'])
    """

    name: str
    """Its name in specs and pipelines."""
    asked_by: frozenset[Asker]
    """The origins from which it may be requested."""
    keeps: Mode | None
    """The mode in which the network computes the same as before: "training" includes evaluation, None is neither."""
    needs: str
    """What the network must have, as the end of the sentence "NAME needs …"; if empty, the pass may find nothing to do."""
    advice: str | None
    """The `help:` for a network without it."""
    changes_outputs: bool
    """Whether the names or shapes of the outputs may change."""
    leaves_unused: bool
    """Whether nodes may become unused."""

    def __init__(
        self,
        transform: Transform,
        *,
        asked_by: frozenset[Asker],
        keeps: Mode | None,
        needs: str = "",
        advice: str | None = None,
        changes_outputs: bool = False,
        leaves_unused: bool = False,
    ) -> None:
        update_wrapper(self, transform)
        self.transform, self.name = transform, transform.__name__
        self.asked_by, self.keeps, self.needs, self.advice = asked_by, keeps, needs, advice
        self.changes_outputs, self.leaves_unused = changes_outputs, leaves_unused

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The pydantic model of its keyword arguments, also for the JSON Schema."""
        hints = get_type_hints(self.transform, include_extras=True)
        fields: dict[str, Any] = {
            name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
            for name, parameter in inspect.signature(self.transform).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        config = ConfigDict(extra="forbid", frozen=True, strict=True)
        return create_model(self.name, __config__=config, __doc__=self.transform.__doc__, **fields)

    def __call__(self, graph: Graph, **arguments: Any) -> Graph:
        """The graph after the pass, checked.

        Raises:
            PassError: an argument is wrong, the graph lacks what the pass needs, or the pass broke its contract.
        """
        return self.run(graph, self._validate(arguments))

    def run(self, graph: Graph, arguments: Mapping[str, Any], *, optional: bool = False) -> Graph:
        """The graph after the pass, checked; `graph` itself if there was nothing to do.

        Args:
            graph: The graph before, which does not change.
            arguments: Validated keyword arguments.
            optional: Whether a graph that lacks what the pass needs is returned unchanged.

        Raises:
            PassError: the graph lacks what the pass needs, or the pass broke its contract.
        """
        try:
            result = self.transform(graph, **arguments).freeze()
            if result is not graph:
                check_result(graph, result, outputs=not self.changes_outputs, unused=not self.leaves_unused)
        except BrokenGraphError as error:
            raise PassError(f"{self.name} made a broken graph: {error}", help=_FAULT, span=error.span) from error
        except ShapeError as error:
            raise PassError(f"{self.name} made shapes that do not fit: {error}", help=_FAULT) from error
        except (PassError, SpecError, MemoryError):
            raise
        except Exception as error:
            raise PassError(f"{self.name} failed: {type(error).__name__}: {error}", help=_FAULT) from error
        if result is graph and self.needs and not optional:
            raise PassError(f"{self.name} needs {self.needs}", help=self.advice)
        return result.freeze()

    def _validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return dict(self.arguments.model_validate(arguments))
        except ValidationError as error:
            first = error.errors()[0]
            place, reason = ".".join(map(str, first["loc"])), first["msg"]
            message = f"{place} of {self.name}: {reason[:1].lower()}{reason[1:]}, got {first['input']!r:.60}"
            raise PassError(message, argument=first["loc"]) from None

    def __repr__(self) -> str:
        return f"<Pass {self.name}>"


_FAULT = "this is a fault of the pass, not of the spec"


def graph_pass(*asked_by: Asker, keeps: Mode | None, **contract: Any) -> Callable[[Transform], Pass]:
    """Makes a pass of a function: `@graph_pass("spec", keeps="training", needs="a relu, this network has none")`.

    The function returns the graph itself if it finds nothing to do, and a new one otherwise, as `rewrite_graph` does. Its keyword
    arguments are those of the pass, with pydantic's annotations.

    Args:
        asked_by: Who may ask for the pass.
        keeps: The mode in which the network computes the same as before.
        contract: `needs`, `advice`, `changes_outputs`, `leaves_unused`: see `Pass`.

    >>> @graph_pass("spec", keeps=None, needs="a relu, this network has none")
    ... def smooth(graph: Graph) -> Graph:
    ...     return graph  # it has found nothing to do
    >>> smooth, sorted(smooth.asked_by)
    (<Pass smooth>, ['spec'])
    >>> smooth(Graph("empty"))
    Traceback (most recent call last):
    archspec.passes.contract.PassError: smooth needs a relu, this network has none
    """
    return lambda transform: Pass(transform, asked_by=frozenset(asked_by), keeps=keeps, **contract)
