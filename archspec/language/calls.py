"""Blocks and their arguments, while the network is being built: what is handed in, and what a block makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archspec.diagnostics import SpecError, Use, fail
from archspec.language import turns
from archspec.language.budget import FRAME
from archspec.language.layers import (
    ArgumentUse,
    Block,
    BlockUse,
    Chain,
    Layer,
    OpUse,
    Parameter,
    ValueUse,
    is_of,
)
from archspec.language.scopes import UNKNOWN, Bundle, Closure, Env, Frame, Label, Level, Place, channels
from archspec.language.tree import Scalar, Tree
from archspec.language.values import UNKNOWN_NUMBER, UnknownError, evaluate, rounded
from archspec.language.words import A_KIND

if TYPE_CHECKING:
    from archspec.language.elaborator import Elaborator

_BLOCK = 4  # units of work for the use of a block, beside those for its layer
_GIVEN = 3  # for each of its arguments and inputs
_NAMES = 16  # names that are copied with one unit


def block(made: Elaborator, use: BlockUse, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
    """The layers of a block, with the arguments of one use."""
    chosen = made.program.blocks[use.block]
    given = len(chosen.parameters) + len(chosen.inputs)
    made.budget.charge("layers", _BLOCK + _GIVEN * given + len(made.document.names) // _NAMES, use.span, env.use)
    frame = Frame(values={"input": current})
    frame.values.update(_inputs(made, chosen, use, env, current))
    own = Env(dict(made.document.names), frame)
    declare(made, chosen.parameters, use.arguments, env, own, current, chosen.name)
    shown = {name: rounded(own.names[name]) for name in chosen.parameters if not isinstance(own.names[name], Closure)}
    inner = made.open(place, label, chosen.name, shown, use.span, env.use)
    inside = Env(own.names, frame, Use(chosen.name, shown, use.span, env.use))
    return _results(made, chosen, inside, made.body(chosen.body, inside, current, inner))


def _inputs(made: Elaborator, chosen: Block, use: BlockUse, env: Env, current: Bundle) -> dict[str, Bundle]:
    """The values that a block calls by names of its own."""
    if not chosen.inputs:
        return {}
    if len(chosen.inputs) == len(current):
        return {scalar.text: (value,) for scalar, value in zip(chosen.inputs, current, strict=True)}
    if not made.unknown(current):
        names = ", ".join(scalar.text for scalar in chosen.inputs)
        found = "one value" if len(current) == 1 else f"{len(current)} values"
        made.report(f"{chosen.name} takes {len(chosen.inputs)} values ({names}), got {found}", use.span, env.use)
    made.read(current)
    return {scalar.text: (UNKNOWN,) for scalar in chosen.inputs}


def _results(made: Elaborator, chosen: Block, env: Env, last: Bundle) -> Bundle:
    if not chosen.outputs:
        return last
    values = made.found(chosen.outputs, env)
    if len(values) > 1:
        made.read(values)
    return values


def declare(
    made: Elaborator,
    parameters: Mapping[str, Parameter],
    given: Mapping[str, Tree | Layer],
    caller: Env,
    own: Env,
    current: Bundle,
    owner: str,
) -> None:
    """Gives `own` the arguments, one after the other: those handed in, read where they were written, and the defaults."""
    for name, parameter in parameters.items():
        value = given.get(name)
        env = own if value is None else caller
        try:
            own.names[name] = _value(
                made, parameter, parameter.default if value is None else value, env, current, owner
            )
        except UnknownError:
            own.names[name] = UNKNOWN_NUMBER
        except SpecError as error:
            made.mistakes.report(error)
            own.names[name] = UNKNOWN_NUMBER


def _value(
    made: Elaborator, parameter: Parameter, value: Tree | Layer | None, env: Env, current: Bundle, owner: str
) -> Any:
    if value is None:
        advice = f"give it a default, or a value from outside; it is of type {parameter.kind}"
        fail(f"{owner} needs {parameter.name!r}", parameter.span, env.use, help=advice)
    if isinstance(value, Layer):
        made.budget.charge("layers", len(env.names) // _NAMES)
        return Closure(value, Env(dict(env.names), env.frame, env.use), is_identity(made, value, env))
    result = evaluate(value, env.names, channels(current), env.use)
    if isinstance(result, tuple):
        made.budget.charge("arithmetic", len(result) // 2, value.span, env.use)
    if not is_of(result, parameter.kind):
        shown = f"{value.text} is {rounded(result)}" if isinstance(value, Scalar) else f"got {rounded(result)}"
        fail(f"{parameter.name} of {owner} needs {A_KIND[parameter.kind]}; {shown}", value.span, env.use)
    return result


def argument(
    made: Elaborator, use: ArgumentUse, env: Env, current: Bundle, place: Place, label: Label | None
) -> Bundle:
    """A layer that was handed in: read where it was written, made here, called by its argument's name."""
    value = env.names[use.name]
    if isinstance(value, Level):
        inner = made.open(place, label, "", {}, use.span, env.use) if label is not None else place
        return turns.level(made, value, current, inner, env.use)
    if value is UNKNOWN_NUMBER:
        raise UnknownError
    made.budget.charge("layers", FRAME)
    written = Env(value.env.names, Frame(value.env.frame), env.use)
    if label is None and not value.empty:
        label = Label(place.free(use.name), use.span)
    return made.run(value.layer, written, current, place, label)


def is_identity(made: Elaborator, layer: Layer, env: Env) -> bool:
    """Whether a layer makes nothing at all, and so needs no name."""
    if layer not in made.identities:
        made.identities[layer] = _handed(layer)
    handed = made.identities[layer]
    return handed is not None and all(_is_empty(env.names[name]) for name in handed)


def _is_empty(value: Any) -> bool:
    return isinstance(value, Closure) and value.empty


def _handed(layer: Layer) -> frozenset[str] | None:
    """The arguments on which it depends whether a layer makes anything; None where it does in any case."""
    if isinstance(layer, ArgumentUse):
        return frozenset((layer.name,))
    if isinstance(layer, Chain):
        inner = [_handed(item.layer) for item in layer.items]
        return None if None in inner else frozenset[str]().union(*(names for names in inner if names is not None))
    nothing = isinstance(layer, ValueUse) or (isinstance(layer, OpUse) and layer.op.word == "identity")
    return frozenset() if nothing else None
