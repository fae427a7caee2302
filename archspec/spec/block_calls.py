"""Elaborates uses of blocks: binds their arguments and inputs, and applies their layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.errors import SpecError, raise_spec_error
from archspec.spans import Use
from archspec.spec import loops
from archspec.spec.bound_tree import (
    ArgumentDef,
    ArgumentUse,
    BlockDef,
    BlockUse,
    Layer,
    Sequential,
    iter_layers,
    makes_no_module,
    matches_kind,
)
from archspec.spec.budget import FRAME
from archspec.spec.elaboration import Elaboration
from archspec.spec.environment import (
    UNKNOWN,
    Bundle,
    Closure,
    Env,
    Label,
    NameScope,
    NestLevel,
    ValueFrame,
    find_shape,
)
from archspec.spec.symbols import KIND_DESCRIPTIONS
from archspec.spec.values import UNKNOWN_NUMBER, UnknownError, evaluate_tree, round_fractions
from archspec.spec.yaml_tree import Scalar, Tree

_BLOCK = 4  # units of work for the use of a block, besides those of its layers
_GIVEN = 3  # units of work for each argument and input
_NAMES = 16  # names that are copied for one unit


def apply_block(
    elaboration: Elaboration, use: BlockUse, env: Env, current: Bundle, scope: NameScope, label: Label | None
) -> Bundle:
    """Applies the layers of a block with the arguments of one use."""
    return apply_bound_block(elaboration, use, bind_block(elaboration, use, env, current), env, current, scope, label)


def bind_block(elaboration: Elaboration, use: BlockUse, env: Env, current: Bundle) -> Env:
    """The environment of a block's layers in one use: its arguments, those of the document, and its named inputs."""
    chosen = elaboration.program.blocks[use.block]
    given = len(chosen.parameters) + len(chosen.inputs)
    elaboration.budget.charge(
        "layers", _BLOCK + _GIVEN * given + len(elaboration.document.names) // _NAMES, use.span, env.use
    )
    frame = ValueFrame(values={"input": current})
    frame.values.update(_bind_inputs(elaboration, chosen, use, env, current))
    names = elaboration.document.names
    own = Env(dict(names) if chosen.parameters else names, frame)
    bind_arguments(elaboration, chosen.parameters, use.arguments, env, own, current, chosen.name)
    return own


def apply_bound_block(
    elaboration: Elaboration,
    use: BlockUse,
    own: Env,
    env: Env,
    current: Bundle,
    scope: NameScope,
    label: Label | None,
) -> Bundle:
    """Applies the layers of a block in the environment `own` that `bind_block` made."""
    chosen = elaboration.program.blocks[use.block]
    shown = {
        name: round_fractions(own.names[name]) for name in chosen.parameters if not isinstance(own.names[name], Closure)
    }
    inner = elaboration.open_region(scope, label, chosen.name, shown, use.span, env.use)
    inside = Env(own.names, own.frame, Use(chosen.name, shown, use.span, env.use))
    return _select_results(elaboration, chosen, inside, elaboration.apply_body(chosen.body, inside, current, inner))


def _bind_inputs(
    elaboration: Elaboration, chosen: BlockDef, use: BlockUse, env: Env, current: Bundle
) -> dict[str, Bundle]:
    """The values of a block's named inputs."""
    if not chosen.inputs:
        return {}
    if len(chosen.inputs) == len(current):
        return {scalar.text: (value,) for scalar, value in zip(chosen.inputs, current, strict=True)}
    if not elaboration.has_unknown(current):
        names = ", ".join(scalar.text for scalar in chosen.inputs)
        given = "one value" if len(current) == 1 else f"{len(current)} values"
        elaboration.report(f"{chosen.name} takes {len(chosen.inputs)} values ({names}), got {given}", use.span, env.use)
    elaboration.mark_read(current)
    return {scalar.text: (UNKNOWN,) for scalar in chosen.inputs}


def _select_results(elaboration: Elaboration, chosen: BlockDef, env: Env, last: Bundle) -> Bundle:
    if not chosen.outputs:
        return last
    values = elaboration.find_all(chosen.outputs, env)
    if len(values) > 1:
        elaboration.mark_read(values)
    return values


def bind_arguments(
    elaboration: Elaboration,
    parameters: Mapping[str, ArgumentDef],
    given: Mapping[str, Tree | Layer],
    caller: Env,
    own: Env,
    current: Bundle,
    owner: str,
) -> None:
    """Adds the arguments to `own` in order: those given, evaluated in the caller's environment, and the defaults."""
    for name, parameter in parameters.items():
        value = given.get(name)
        env = own if value is None else caller
        try:
            own.names[name] = _evaluate_argument(
                elaboration, parameter, parameter.default if value is None else value, env, current, owner
            )
        except UnknownError:
            own.names[name] = UNKNOWN_NUMBER
        except SpecError as error:
            elaboration.mistakes.report(error)
            own.names[name] = UNKNOWN_NUMBER


def _evaluate_argument(
    elaboration: Elaboration, parameter: ArgumentDef, value: Tree | Layer | None, env: Env, current: Bundle, owner: str
) -> Any:
    if value is None:
        advice = f"give it a default, or a value from outside; it is of type {parameter.kind}"
        raise_spec_error(f"{owner} needs {parameter.name!r}", parameter.span, env.use, help=advice)
    if isinstance(value, Layer):
        elaboration.budget.charge("layers", len(env.names) // _NAMES)
        return Closure(value, Env(dict(env.names), env.frame, env.use), is_identity(elaboration, value, env))
    result = evaluate_tree(value, env.names, find_shape(current), env.use)
    if isinstance(result, tuple):
        elaboration.budget.charge("arithmetic", len(result) // 2, value.span, env.use)
    if not matches_kind(result, parameter.kind):
        shown = (
            f"{value.text} is {round_fractions(result)}"
            if isinstance(value, Scalar)
            else f"got {round_fractions(result)}"
        )
        raise_spec_error(
            f"{parameter.name} of {owner} needs {KIND_DESCRIPTIONS[parameter.kind]}; {shown}", value.span, env.use
        )
    return result


def apply_argument(
    elaboration: Elaboration, use: ArgumentUse, env: Env, current: Bundle, scope: NameScope, label: Label | None
) -> Bundle:
    """Applies a layer that is an argument: it is evaluated in its caller's environment, and named after the argument."""
    value = env.names[use.name]
    if isinstance(value, NestLevel):
        inner = elaboration.open_region(scope, label, "", {}, use.span, env.use) if label is not None else scope
        return loops.run_nest_level(elaboration, value, current, inner, env.use)
    if value is UNKNOWN_NUMBER:
        raise UnknownError
    elaboration.budget.charge("layers", FRAME)
    written = Env(value.env.names, ValueFrame(value.env.frame), env.use)
    if label is None and not value.empty:
        label = Label(scope.find_free_name(use.name), use.span)
    return elaboration.apply_layer(value.layer, written, current, scope, label)


def is_identity(elaboration: Elaboration, layer: Layer, env: Env) -> bool:
    """Whether a layer adds no node, and so needs no name."""
    if layer not in elaboration.identities:
        elaboration.identities[layer] = _find_handed_arguments(layer)
    handed = elaboration.identities[layer]
    return handed is not None and all(_is_empty(env.names[name]) for name in handed)


def _is_empty(value: Any) -> bool:
    return isinstance(value, Closure) and value.empty


def _find_handed_arguments(layer: Layer) -> frozenset[str] | None:
    """The arguments that decide whether a layer adds a node; None if it does in any case."""
    handed: set[str] = set()
    for inner in iter_layers(layer):
        if isinstance(inner, ArgumentUse):
            handed.add(inner.name)
        elif not isinstance(inner, Sequential) and not makes_no_module(inner):
            return None
    return frozenset(handed)
