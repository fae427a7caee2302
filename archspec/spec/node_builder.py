"""Evaluates the arguments of ops, adds their nodes to the graph, and locates their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from archspec.errors import Collector, Diagnostic, LimitError, Note, SpecError, raise_spec_error
from archspec.ir.graph import Graph, Node, Path
from archspec.ir.shape import MEASURED, Shape
from archspec.ops.base import Call, Op, ShapeError
from archspec.spans import Use
from archspec.spec.bound_tree import ArgumentField, Layer, NamedLayer, OpUse, locate_fields
from archspec.spec.budget import LAYER, MORE_NODES, NODE, Budget
from archspec.spec.environment import Bundle, Env, find_shape
from archspec.spec.operands import advise_join, describe_operands
from archspec.spec.pydantic_errors import report_validation_error
from archspec.spec.values import UNKNOWN_NUMBER, UnknownError, evaluate_tree, find_names, measure_axis, round_fractions
from archspec.spec.yaml_tree import Scalar, count_items

_KEPT = 4096  # the most cached inferences, and cached ops of one use
_FEW = 4  # the most inputs of an op whose inference is cached


@dataclass(slots=True)
class _ArgumentReading:
    """What the arguments of one use of an op depend on, and a cache of its evaluated ops."""

    size: int
    """The number of items to evaluate."""
    names: tuple[str, ...] | None
    """The names that the arguments read; None if that is not known."""
    inherited: tuple[str, ...]
    """The document's arguments that those from `defaults` read."""
    axes: tuple[str, ...]
    """The axes of the current value whose sizes they may read."""
    ops: dict[Any, Op]


class OpCache:
    """Ops with their arguments evaluated, and the shapes that they infer, for one document and all its variants."""

    def __init__(self) -> None:
        self.ops: dict[Any, Op] = {}
        self.readings: dict[OpUse, _ArgumentReading] = {}
        self.inferred: dict[tuple[int, ...], tuple[Op, list[Shape], tuple[Shape, ...]]] = {}
        """Shapes by the ids of an op and of its input shapes, which are kept alive so that the ids stay valid."""
        self.shapes: dict[Shape, Shape] = {}


def _infer(op: Op, given: list[Shape]) -> tuple[Shape, ...]:
    """The shapes of an op's outputs. Raises `ShapeError`, also if an initialisation does not fit its weight."""
    shapes = op.infer(*given)
    op.check_initial(*given)
    return shapes


class NodeBuilder:
    """Adds nodes to one graph, within a budget. The arguments of `defaults` are evaluated in the environment `document`."""

    def __init__(self, graph: Graph, document: Env, budget: Budget) -> None:
        self.graph, self.document, self.budget = graph, document, budget
        self.layers, self.most_layers = 0, budget.limits.layers
        self.sharing = False
        """Whether the current layers share the weights of earlier ones."""
        self.cache = OpCache()
        self.owners: dict[Path, Node] = {}

    def count_layers(self, count: int, layer: Layer, use: Use | None) -> None:
        """Counts applied layers and bundled values, whether or not they add a node."""
        self.layers += count
        self.budget.charge("layers", LAYER * count, layer.span, use)
        if self.layers > self.most_layers:
            message = f"the network takes more than {self.most_layers:,} layers, identities counted"
            raise LimitError(Diagnostic(message, layer.span, use=use))

    def add_node(
        self,
        use: OpUse,
        op: Op,
        inputs: Bundle,
        path: tuple[str, ...],
        region: int,
        env: Env,
        results: list[tuple[NamedLayer, Bundle]] | None = None,
        current: Bundle = (),
    ) -> Bundle:
        limits = self.budget.limits
        if len(self.graph.nodes) >= limits.nodes:
            message = f"the network has more than {limits.nodes:,} nodes"
            raise LimitError(Diagnostic(message, use.span, use=env.use, help=MORE_NODES))
        self.budget.charge("nodes", NODE + (len(inputs) + len(path)) // 4, use.span, env.use)
        try:
            shapes = self.infer_shapes(op, inputs)
        except ShapeError as error:
            spans = {field.name: field.span for field in use.fields}
            notes = describe_operands([(item.layer, value) for item, result in results or () for value in result], env)
            advice = advise_join(op, inputs, current) or error.help
            raise_spec_error(error.message, spans.get(error.field or "", use.span), env.use, help=advice, notes=notes)
        if len(shapes) > 1:
            self.count_layers(len(shapes), use, env.use)
        outputs = self.graph.add_shaped_node(op, inputs, shapes, path, region=region, span=use.span, use=env.use)
        if path:
            self.check_shared(path, use, env)
        return outputs

    def infer_shapes(self, op: Op, inputs: Bundle) -> tuple[Shape, ...]:
        """The shapes of an op's outputs, cached. Raises `ShapeError`."""
        given = [value.shape for value in inputs]
        if len(given) > _FEW:
            return self.intern_shapes(_infer(op, given))
        key = (id(op), *map(id, given))
        known = self.cache.inferred.get(key)
        if known is not None:
            return known[2]
        shapes = self.intern_shapes(_infer(op, given))
        if len(self.cache.inferred) >= _KEPT:
            self.cache.inferred.clear()
        self.cache.inferred[key] = (op, given, shapes)
        return shapes

    def intern_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shapes with equal ones as one object, for the cache of `infer_shapes`."""
        if len(self.cache.shapes) >= _KEPT:
            self.cache.shapes.clear()
        return tuple([self.cache.shapes.setdefault(shape, shape) for shape in shapes])

    def check_shared(self, path: Path, use: OpUse, env: Env) -> None:
        """Checks that uses with shared weights need weights of the same shapes."""
        node = self.graph.nodes[-1]
        assert isinstance(node, Node)
        first = self.owners.setdefault(path, node)
        if first is node or not self.sharing:
            return
        if first.weights != node.weights or _module(first) != _module(node):
            notes = (
                Note(first.span, f"{first.input_shapes[0]} where it is used first"),
                Note(node.span, f"{node.input_shapes[0]} here"),
            )
            needed = "options" if first.weights == node.weights else "weights"
            message = f"{node.name} is shared and needs the same {needed} at each use"
            raise_spec_error(message, use.span, env.use, notes=notes)

    def build_op(self, use: OpUse, env: Env, current: Bundle) -> Op:
        """The op with its arguments evaluated; equal ops are one object.

        Raises:
            SpecError: an argument does not fit.
            UnknownError: an argument depends on an unknown value.
        """
        reading = self.cache.readings.get(use)
        if reading is None:
            reading = self.cache.readings[use] = _find_dependencies(use)
        if reading.names is None:
            return self.evaluate_op(use, reading, env, current)
        key = self.reading_key(reading, env, current)
        op = reading.ops.get(key)
        if op is None:
            op = self.evaluate_op(use, reading, env, current)
            if len(reading.ops) >= _KEPT:
                reading.ops.clear()
            reading.ops[key] = op
        return op

    def reading_key(self, reading: _ArgumentReading, env: Env, current: Bundle) -> tuple[Any, ...]:
        """The key of a use's cached op: the values that its arguments depend on."""
        key: list[Any] = []
        for name in reading.names or ():
            value = env.names.get(name)
            if value.__class__ is tuple:
                self.budget.charge("arithmetic", len(value) // 2)
            key.append(_freeze(value))
        key += [_freeze(self.document.names.get(name)) for name in reading.inherited]
        if reading.axes:
            shape = find_shape(current)
            key += [measure_axis(shape, axis) if isinstance(shape, Shape) else shape for axis in reading.axes]
        return tuple(key)

    def evaluate_op(self, use: OpUse, reading: _ArgumentReading, env: Env, current: Bundle) -> Op:
        self.budget.charge("arithmetic", 5 + reading.size, use.span, env.use)
        shape = find_shape(current)
        values = {
            field.name: evaluate_tree(field.value, (self.document if field.default else env).names, shape, env.use)
            for field in use.fields
        }
        key = (use.op.word, tuple((name, _freeze(value)) for name, value in values.items()))
        op = self.cache.ops.get(key)
        if op is None:
            op = self.cache.ops[key] = self.validate_op(use, values, env)
        return op

    def validate_op(self, use: OpUse, values: dict[str, Any], env: Env) -> Op:
        try:
            given = {name: round_fractions(value) for name, value in values.items()}
            return use.op.model_validate(given, strict=True).specialised()
        except ValidationError as error:
            errors = Collector()
            report_validation_error(
                error, use.op.word, use.op, locate_fields(use.fields), span=use.span, errors=errors, use=env.use
            )
            trees = {field.span: field for field in use.fields}
            raise SpecError(
                *(
                    _add_evaluated_help(diagnostic, trees.get(diagnostic.span), values)
                    for diagnostic in errors.diagnostics
                )
            ) from None


def _find_dependencies(use: OpUse) -> _ArgumentReading:
    size = sum(count_items(field.value) for field in use.fields)
    own = [find_names(field.value) for field in use.fields if not field.default]
    inherited = [find_names(field.value) for field in use.fields if field.default]
    if None in own or None in inherited:
        return _ArgumentReading(size, None, (), (), {})
    read, read_outside = (set[str]().union(*(names or () for names in fields)) for fields in (own, inherited))
    axes = MEASURED & (read | read_outside)
    outside = read_outside - {"channels"}
    return _ArgumentReading(size, tuple(sorted(read - {"channels"})), tuple(sorted(outside)), tuple(sorted(axes)), {})


def _module(node: Node) -> Call | None:
    """The call that constructs the module of a node, if it has one."""
    return next((call for call in node.op.lower(*node.input_shapes) if call.stateful), None)


def _freeze(value: Any) -> Any:
    """A value as a dictionary key; True differs from 1."""
    if value.__class__ is int:
        return value
    if value is UNKNOWN_NUMBER:
        raise UnknownError
    if isinstance(value, dict):
        return tuple((name, _freeze(item)) for name, item in value.items())
    return tuple(map(_freeze, value)) if isinstance(value, tuple) else (type(value), value)


def _add_evaluated_help(diagnostic: Diagnostic, field: ArgumentField | None, values: Mapping[str, Any]) -> Diagnostic:
    """The diagnostic, with the value of an expression that the spec does not show."""
    if field is None or not isinstance(field.value, Scalar) or field.value.kind != "word":
        return diagnostic
    return replace(diagnostic, help=f"{field.value.text} is {round_fractions(values[field.name])} here")
