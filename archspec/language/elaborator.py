"""The interpreter of the bound tree: makes the graph, one node after the other, each shaped as it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

from archspec.diagnostics import Diagnostic, Span, SpecError, Use, fail, shorten
from archspec.graph import Graph, Node, Value
from archspec.language import turns
from archspec.language.layers import (
    ArgumentUse,
    Block,
    BlockUse,
    Chain,
    Item,
    JoinUse,
    Layer,
    OpUse,
    Parameter,
    Program,
    Turns,
    ValueUse,
    is_of,
)
from archspec.language.limits import DEFAULT, Limits
from archspec.language.maker import Maker
from archspec.language.scopes import Bundle, Closure, Env, Frame, Label, Level, Place, channels
from archspec.language.tree import Scalar, Tree
from archspec.language.values import NO_VALUE, evaluate, rounded
from archspec.language.whole_numbers import check_whole_numbers
from archspec.language.words import A_KIND
from archspec.shape import Shape


class Elaborator:
    """Makes the graph of one program. It stops at the first thing that does not fit."""

    def __init__(self, program: Program, limits: Limits = DEFAULT) -> None:
        self.program, self.limits = program, limits
        self.graph = Graph(program.name, program.source)
        self.document = Env({}, Frame())
        self.maker = Maker(self.graph, self.document, limits)
        self.left: set[Value] = set()
        """Values of bundles: they may be left unused."""
        self.level = 0

    def elaborate(self) -> Graph:
        """The whole network. Raises `SpecError`."""
        program = self.program
        self.declare(program.parameters, {}, self.document, self.document, (), program.name)
        current = tuple(self.input(use.name, use.sizes) for use in program.inputs)
        values = self.document.frame.values
        values.update((use.name, (value,)) for use, value in zip(program.inputs, current, strict=True))
        values["input"] = current
        last = self.body(program.stages, self.document, current, Place(0, ()))
        self.outputs(last, self.document.frame)
        self.check_reached()
        check_whole_numbers(self.graph)
        return self.graph

    def check_reached(self) -> None:
        """Every layer reaches an output; values of bundles may be left."""
        needed = {value.node for value in (*self.graph.outputs.values(), *self.left)}
        lost: list[Node] = []
        for node in reversed(self.graph.nodes):
            if not isinstance(node, Node):
                continue
            if node.id in needed:
                needed.update(value.node for value in node.inputs)
            elif not self.graph.dag.out_degree(node.id):
                lost.append(node)
        if lost:
            raise SpecError(
                *(
                    Diagnostic(f"{_named(node)} reaches no output", node.span, use=node.use, help=_LOST)
                    for node in reversed(lost)
                )
            )

    def input(self, name: str, sizes: Tree) -> Value:
        found = evaluate(sizes, self.document.names, NO_VALUE, None)
        if not all(isinstance(size, int) and 1 <= size <= self.limits.elements for size in found):
            shown = shorten(", ".join(str(rounded(size)) for size in found))
            fail(f"an input has whole sizes of at least 1, got [{shown}]", sizes.span, None)
        if len(found) > _MOST_AXES:
            fail(f"an input has at most {_MOST_AXES} sizes, got {len(found)}", sizes.span, None)
        if prod(found) > self.limits.elements:
            fail(f"an input has at most {self.limits.elements:,} elements, got {prod(found):,}", sizes.span, None)
        return self.graph.input(name, Shape.of(*found), sizes.span)

    def outputs(self, last: Bundle, frame: Frame) -> None:
        """Names the outputs: `output`, or by their stages; those of a bundle are numbered."""
        chosen = self.program.outputs
        if len(chosen) > 1:
            named = [(scalar.text, frame.find(scalar.text)) for scalar in chosen]
        else:
            named = [("output", frame.find(chosen[0].text) if chosen else last)]
        for name, values in named:
            for index, value in enumerate(values):
                self.graph.outputs[name if len(values) == 1 else f"{name}{index}"] = value

    # -- layers ---------------------------------------------------------------------------------------------------

    def run(self, layer: Layer, env: Env, current: Bundle, place: Place, label: Label | None = None) -> Bundle:
        """Applies a layer to the current value, or to the values that its `from` names."""
        self.level += 1
        self.maker.spend(1, layer, env.use)
        if self.level > self.limits.nesting:
            fail(f"more than {self.limits.nesting} layers inside one another", layer.span, env.use)
        if layer.source:
            current = tuple(value for scalar in layer.source for value in env.frame.find(scalar.text))
        if label is None and len(layer.names) == 1:
            label = Label(layer.names[0].text, layer.names[0].span)
        result = self.dispatch(layer, env, current, place, label)
        if layer.names:
            self.bind(layer, env, result)
        self.level -= 1
        return result

    def dispatch(self, layer: Layer, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        match layer:
            case JoinUse():
                return self.join(layer, env, current, place, label)
            case OpUse():
                return self.op(layer, env, current, place, label)
            case BlockUse():
                return self.block(layer, env, current, place, label)
            case Chain():
                return self.chain(layer, env, current, place, label)
            case ArgumentUse():
                return self.argument(layer, env, current, place, label)
            case ValueUse():
                return env.frame.find(layer.name)
            case Turns():
                return turns.run(self, layer, env, current, place, label)
        raise AssertionError(layer)

    def bind(self, layer: Layer, env: Env, result: Bundle) -> None:
        """Gives the results of a layer the names of its `as`."""
        if len(layer.names) == 1:
            env.frame.values[layer.names[0].text] = result
            return
        if len(layer.names) != len(result):
            found = "one value" if len(result) == 1 else f"{len(result)} values"
            span = layer.names[min(len(result), len(layer.names) - 1)].span
            fail(f"as has {len(layer.names)} names for {found}", span, env.use)
        env.frame.values.update((scalar.text, (value,)) for scalar, value in zip(layer.names, result, strict=True))

    def item(self, item: Item, env: Env, current: Bundle, place: Place) -> Bundle:
        if item.name is None:
            return self.run(item.layer, env, current, place)
        result = self.run(item.layer, env, current, place, Label(item.name.text, item.name.span))
        env.frame.values[item.name.text] = result
        return result

    def chain(self, chain: Chain, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        if not chain.items:
            return current
        if label is not None:
            place = self.open(place, label, "", {}, chain.span, env.use)
        inner = env.inside()
        for item in chain.items:
            current = self.item(item, inner, current, place)
        return current

    def open(
        self, place: Place, label: Label | None, kind: str, arguments: dict[str, Any], span: Span, use: Use | None
    ) -> Place:
        path = place.take(label, span, use)
        return Place(self.graph.open(path, kind, arguments, span, place.scope).id, path)

    # -- ops and joins --------------------------------------------------------------------------------------------

    def op(self, use: OpUse, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        if use.op.word == "identity":
            return current
        fewest, most = use.op.operands
        if len(current) < fewest or (most is not None and len(current) > most):
            wanted = (
                "a single value"
                if most == 1
                else f"{fewest} values"
                if fewest == most
                else f"{fewest} to {most} values"
            )
            found = "a single value" if len(current) == 1 else f"a bundle of {len(current)}"
            advice = "each: {layers: …} applies it to every value" if len(current) > 1 else None
            fail(f"{use.op.word} needs {wanted}, got {found}", use.span, env.use, help=advice)
        op = self.maker.make(use, env, current)
        path = place.take(label, use.span, env.use) if label is not None or op.numbered else ()
        return self.maker.add(use, op, current, path, place.scope, env)

    def join(self, use: JoinUse, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        own = any(not isinstance(item.layer, ValueUse) for item in use.branches)
        inner = self.open(place, label, "", {}, use.span, env.use) if label is not None and own else place
        inside = env.inside()
        results = [(item, self.item(item, inside, current, inner)) for item in use.branches]
        self.maker.spend(sum(len(result) for _, result in results), use, env.use)
        values = tuple(value for _, result in results for value in result)
        if use.op.word == "bundle":
            self.left.update(values)
            return values
        if len(values) <= 1:
            return values
        path = inner.path if inner is not place else place.take(label, use.span, env.use) if label is not None else ()
        return self.maker.add(use, self.maker.make(use, env, current), values, path, inner.scope, env, results, current)

    # -- blocks and arguments -------------------------------------------------------------------------------------

    def block(self, use: BlockUse, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        block = self.program.blocks[use.block]
        if block.inputs and len(block.inputs) != len(current):
            names = ", ".join(scalar.text for scalar in block.inputs)
            found = "one value" if len(current) == 1 else f"{len(current)} values"
            fail(f"{block.name} takes {len(block.inputs)} values ({names}), got {found}", use.span, env.use)
        frame = Frame(values={"input": current})
        frame.values.update((scalar.text, (value,)) for scalar, value in zip(block.inputs, current, strict=False))
        own = Env(dict(self.document.names), frame)
        self.declare(block.parameters, use.arguments, env, own, current, block.name)
        shown = {
            name: rounded(own.names[name]) for name in block.parameters if not isinstance(own.names[name], Closure)
        }
        inner = self.open(place, label, block.name, shown, use.span, env.use)
        inside = replace(own, use=Use(block.name, shown, use.span, env.use))
        return self.results(block, frame, self.body(block.body, inside, current, inner))

    def body(self, layer: Layer, env: Env, current: Bundle, place: Place) -> Bundle:
        """A block's or the document's layers, whose names are those of `env` itself."""
        if not isinstance(layer, Chain) or layer.source or layer.names:
            return self.run(layer, env, current, place)
        for item in layer.items:
            current = self.item(item, env, current, place)
        return current

    def results(self, block: Block, frame: Frame, last: Bundle) -> Bundle:
        if not block.outputs:
            return last
        values = tuple(value for scalar in block.outputs for value in frame.find(scalar.text))
        if len(values) > 1:
            self.left.update(values)
        return values

    def declare(
        self,
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
            value = parameter.default if value is None else value
            if value is None:
                advice = f"give it a default, or a value from outside; it is of type {parameter.kind}"
                fail(f"{owner} needs {name!r}", parameter.span, caller.use, help=advice)
            own.names[name] = self.argument_value(parameter, value, env, current, owner)

    def argument_value(self, parameter: Parameter, value: Tree | Layer, env: Env, current: Bundle, owner: str) -> Any:
        if isinstance(value, Layer):
            return Closure(value, Env(dict(env.names), env.frame, env.use), is_identity(value, env))
        result = evaluate(value, env.names, channels(current), env.use)
        if not is_of(result, parameter.kind):
            shown = f"{value.text} is {rounded(result)}" if isinstance(value, Scalar) else f"got {rounded(result)}"
            fail(f"{parameter.name} of {owner} needs {A_KIND[parameter.kind]}; {shown}", value.span, env.use)
        return result

    def argument(self, use: ArgumentUse, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        """A layer that was handed in: read where it was written, made here, called by its argument's name."""
        value = env.names[use.name]
        if isinstance(value, Level):
            inner = self.open(place, label, "", {}, use.span, env.use) if label is not None else place
            return turns.level(self, value, current, inner, env.use)
        written = Env(value.env.names, Frame(value.env.frame), env.use)
        if label is None and not value.empty:
            label = Label(place.free(use.name), use.span)
        return self.run(value.layer, written, current, place, label)


_MOST_AXES = 8  # of an input
_LOST = "lead it into a join, return it with outputs, or leave it out"


def _named(node: Node) -> str:
    return f"{node.name} ({node.op.word})" if node.path else node.op.word


def is_identity(layer: Layer, env: Env) -> bool:
    """Whether a layer makes nothing at all, and so needs no name."""
    match layer:
        case OpUse():
            return layer.op.word == "identity"
        case Chain():
            return all(is_identity(item.layer, env) for item in layer.items)
        case ArgumentUse():
            value = env.names[layer.name]
            return isinstance(value, Closure) and value.empty
        case _:
            return isinstance(layer, ValueUse)
