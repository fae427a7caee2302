"""What a pass is: a checked rewrite of a graph, with a name, typed arguments, what it needs and what it keeps."""

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
"""Who may ask for a pass: `passes:` of a spec and `Architecture.rewrite`, the pipelines of `optimize`, or a back end."""
Mode = Literal["training", "evaluation"]


class PassError(ArchspecError, ValueError):
    """A graph to which a pass cannot be applied, or a pass that broke its contract.

    `span` is the part of the spec that makes it so; `argument` leads to what is wrong in the pass's arguments.

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
    """A rewriting of graphs with its contract; made by `graph_pass`. Calling it runs it and checks the result.

    >>> from archspec.passes import BY_WORD
    >>> BY_WORD["lesion"].name, sorted(BY_WORD["lesion"].arguments.model_fields)
    ('lesion', ['drop', 'swap'])
    """

    name: str
    """The word by which a spec or a pipeline asks for it."""
    asked_by: frozenset[Asker]
    """Who may ask for it."""
    keeps: Mode | None
    """The mode in which the network computes what it did: "training" includes evaluation, None is neither."""
    needs: str
    """What the network must have, as the end of the sentence "NAME needs …"; a pass without it may find nothing to do."""
    advice: str | None
    """The `help:` where the network does not have it."""
    changes_outputs: bool
    """Whether the outputs may have other names or shapes afterwards."""
    leaves_unused: bool
    """Whether there may be nodes afterwards that reach no output and did before."""

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
        """The model of its keyword arguments, for checking them and for the JSON Schema."""
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
            PassError: an argument is wrong, the graph is not what the pass needs, or the pass is at fault.
        """
        return self.run(graph, self._validate(arguments))

    def run(self, graph: Graph, arguments: Mapping[str, Any], *, optional: bool = False) -> Graph:
        """The graph after the pass, checked; `graph` itself where there was nothing to do.

        Args:
            graph: The graph before, which stays as it is.
            arguments: Keyword arguments that are valid already.
            optional: Whether a graph without what the pass needs is no error.

        Raises:
            PassError: the graph is not what the pass needs, or the pass is at fault.
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

    The function gives the graph itself where it finds nothing to do, and a new one otherwise: best by `rewrite_graph`, which
    does both. Its keyword arguments are those of its word, with pydantic's annotations.

    Args:
        asked_by: Who may ask for the pass.
        keeps: The mode in which the network computes what it did.
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
