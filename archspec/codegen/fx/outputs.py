"""Several outputs as a named tuple."""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

from torch import fx
from torch.fx.graph import CodeGen
from torch.utils import _pytree as pytree

from archspec.codegen.arguments import make_identifier
from archspec.ir.names import UniqueNames, append_underscores


def name_fields(outputs: Iterable[str]) -> tuple[str, ...]:
    """The fields of a named tuple for the outputs of a network, in order: their names, as far as Python allows.

    >>> name_fields(["fc", "aux2", "left-eye", "2nd", "_3"])
    ('fc', 'aux2', 'left_eye', 'output_2nd', 'output_3')
    """
    names = UniqueNames(variant=append_underscores)
    return tuple(names.take(_name_field(name)) for name in outputs)


def _name_field(name: str) -> str:
    """An identifier without underscores in front, which a named tuple refuses."""
    bare = make_identifier(name, "output_").lstrip("_")
    return make_identifier(bare, "output_") if bare else "output"


@cache
def make_output_type(fields: tuple[str, ...]) -> Any:
    """The named tuple with these fields, one class in each process, which can be pickled, exported and scripted.

    >>> make_output_type(("fc", "aux"))(1, 2)
    Outputs(fc=1, aux=2)
    """
    type_ = cast("Any", namedtuple("Outputs", fields))  # noqa: PYI024 - fields are known when a network is built
    type_.__module__ = f"archspec.outputs.{'.'.join(fields)}"  # torch.jit.script knows a class by its name
    type_.__reduce__ = _reduce
    pytree._register_namedtuple(type_, serialized_type_name=f"{type_.__module__}.Outputs")
    return type_


class OutputCodeGen(CodeGen):
    """Code that returns a named tuple, by a name that it has as a global.

    torch before 2.12 writes `Outputs(…)` without making the name known; later ones write another name, which they do.
    """

    def __init__(self, type_: Any) -> None:
        super().__init__()
        self._type = type_

    def additional_globals(self) -> list[tuple[str, Any]]:
        return [*super().additional_globals(), (self._type.__name__, self._type)]


def name_output_type(graph: fx.Graph) -> None:
    """Makes the type of a graph's output known to its code, where torch does not."""
    output = next(iter(reversed(graph.nodes))).args[0]
    if hasattr(output, "_fields") and "repr_fn" not in inspect.signature(CodeGen.generate_output).parameters:
        graph.set_codegen(OutputCodeGen(type(output)))


def _reduce(outputs: Any) -> tuple[Any, ...]:
    return _restore, (outputs._fields, tuple(outputs))


def _restore(fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return make_output_type(fields)(*values)
