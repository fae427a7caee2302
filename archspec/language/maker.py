"""The maker of nodes: an op's arguments evaluated, its node added to the graph, what does not fit said where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from archspec.diagnostics import Collector, Diagnostic, Note, SpecError, Use, fail
from archspec.graph import Graph, Node, Path
from archspec.language.explain import explain
from archspec.language.layers import Field, Item, Layer, OpUse, places
from archspec.language.limits import Limits
from archspec.language.operands import operands, turned
from archspec.language.scopes import Bundle, Env, channels
from archspec.language.size import MORE_NODES
from archspec.language.tree import Scalar
from archspec.language.values import evaluate, rounded
from archspec.ops.base import Call, Op, ShapeError


class Maker:
    """Adds nodes to one graph, within limits. `document` is where the arguments of `defaults` are read."""

    def __init__(self, graph: Graph, document: Env, limits: Limits) -> None:
        self.graph, self.document, self.limits = graph, document, limits
        self.spent = 0
        self.ops: dict[Any, Op] = {}
        self.owners: dict[Path, Node] = {}

    def spend(self, count: int, layer: Layer, use: Use | None) -> None:
        """Counts what is done, whether or not a node comes of it."""
        self.spent += count
        if self.spent > self.limits.layers:
            fail(f"the network takes more than {self.limits.layers:,} layers, identities counted", layer.span, use)

    def add(
        self,
        use: OpUse,
        op: Op,
        inputs: Bundle,
        path: tuple[str, ...],
        scope: int,
        env: Env,
        results: list[tuple[Item, Bundle]] | None = None,
        current: Bundle = (),
    ) -> Bundle:
        if len(self.graph.nodes) >= self.limits.nodes:
            fail(f"the network has more than {self.limits.nodes:,} nodes", use.span, env.use, help=MORE_NODES)
        try:
            outputs = self.graph.add(op, inputs, path, scope=scope, span=use.span, use=env.use)
            op.check_initial(*(value.shape for value in inputs))
        except ShapeError as error:
            spans = {field.name: field.span for field in use.fields}
            notes = operands([(item.layer, value) for item, result in results or () for value in result], env)
            advice = turned(op, inputs, current) or error.help if len(inputs) == 2 else error.help
            fail(error.message, spans.get(error.field or "", use.span), env.use, help=advice, notes=notes)
        self.spend(len(outputs), use, env.use)
        if path:
            self.check_shared(path, use, env)
        return outputs

    def check_shared(self, path: Path, use: OpUse, env: Env) -> None:
        """Turns that share their weights must need the same ones."""
        node = self.graph.nodes[-1]
        assert isinstance(node, Node)
        first = self.owners.setdefault(path, node)
        if first is node:
            return
        if first.weights != node.weights or _module(first) != _module(node):
            notes = (
                Note(first.span, f"{first.input_shapes[0]} in the first turn"),
                Note(node.span, f"{node.input_shapes[0]} in this one"),
            )
            needed = "options" if first.weights == node.weights else "weights"
            message = f"{node.name} is shared by all turns and needs the same {needed} in each"
            fail(message, use.span, env.use, notes=notes)

    def make(self, use: OpUse, env: Env, current: Bundle) -> Op:
        """The op with its arguments evaluated. Equal ones are one object."""
        width = channels(current)
        values = {
            field.name: evaluate(field.value, (self.document if field.default else env).names, width, env.use)
            for field in use.fields
        }
        key = (use.op.word, tuple((name, _frozen(value)) for name, value in values.items()))
        found = self.ops.get(key)
        if found is None:
            found = self.ops[key] = self.validated(use, values, env)
        return found

    def validated(self, use: OpUse, values: dict[str, Any], env: Env) -> Op:
        try:
            return use.op.model_validate({name: rounded(value) for name, value in values.items()}, strict=True)
        except ValidationError as error:
            found = Collector()
            explain(error, use.op.word, use.op, places(use.fields), span=use.span, into=found, use=env.use)
            trees = {field.span: field for field in use.fields}
            raise SpecError(*(_with_value(one, trees.get(one.span), values) for one in found.found)) from None


def _module(node: Node) -> Call | None:
    """How the module of a node is made, if it has one."""
    return next((call for call in node.op.lower(*node.input_shapes) if call.stateful), None)


def _frozen(value: Any) -> Any:
    """A value as a key; true is another one than 1."""
    if isinstance(value, dict):
        return tuple((name, _frozen(item)) for name, item in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, tuple) else (type(value), value)


def _with_value(found: Diagnostic, field: Field | None, values: Mapping[str, Any]) -> Diagnostic:
    """The diagnostic with what an expression came to, where that is not plain to see."""
    if field is None or not isinstance(field.value, Scalar) or field.value.kind != "word":
        return found
    return replace(found, help=f"{field.value.text} is {rounded(values[field.name])} here")
