"""The state of an elaboration, and how its layers are applied one after the other, each by what is known of its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from archspec.errors import Diagnostic, LimitError, SpecError
from archspec.ir.graph import Graph, Path
from archspec.spans import Span, Use
from archspec.spec.bound_tree import ArgumentUse, Layer, Loop, NamedLayer, Program, Sequential
from archspec.spec.budget import FRAME, SCOPE, Budget
from archspec.spec.environment import UNKNOWN, Bundle, Env, Label, NameScope, ValueFrame
from archspec.spec.mistakes import Mistakes
from archspec.spec.node_builder import NodeBuilder
from archspec.spec.values import UnknownError
from archspec.spec.yaml_tree import Scalar

Apply = Callable[[Any, Env, Bundle, NameScope, Label | None], Bundle]

_NEAR = 8  # frames that are looked through for a name without being charged


class Elaboration:
    """The graph of one program while it is made, and the names, values and mistakes on the way.

    What does not fit is a mistake, and what the layer makes is `UNKNOWN`: whatever reads that is unknown too and is not judged,
    all else goes on. So independent mistakes are found together.
    """

    apply: Mapping[type[Layer], Apply]
    """How a layer of each class is applied."""

    def __init__(self, program: Program, budget: Budget) -> None:
        self.program, self.budget = program, budget
        self.graph = Graph(program.name, program.source)
        self.document = Env({}, ValueFrame())
        self.builder = NodeBuilder(self.graph, self.document, budget)
        self.mistakes = Mistakes(budget)
        self.may_be_unused: set[int] = set()
        """The nodes whose values may be left unused: those of bundles, and those that a layer reads which is wrong."""
        self.skipped = False
        """Whether there are layers of which it is not known what they would have read."""
        self.identities: dict[Layer, frozenset[str] | None] = {}
        self.level, self.nesting = 0, budget.limits.nesting
        self.spend = self.builder.count_layers

    # -- mistakes, and what is not known because of them -------------------------------------------------------------

    def report(self, message: str, span: Span, use: Use | None, *, help: str | None = None) -> None:
        self.mistakes.report(SpecError(Diagnostic(message, span, use=use, help=help)))

    def has_unknown(self, values: Bundle) -> bool:
        """Whether one of some values is not known; none is where nothing is wrong."""
        if not self.mistakes.found:
            return False
        self.budget.charge("values", len(values) // 8)
        return any(value is UNKNOWN for value in values)

    def mark_read(self, values: Bundle) -> None:
        """Takes note that values are read, or may be left."""
        self.budget.charge("values", len(values) // 4)
        self.may_be_unused.update([value.node for value in values])

    def find(self, name: str, env: Env) -> Bundle:
        """The values of a name."""
        try:
            values, steps = env.frame.find(name)
        except KeyError:
            if not self.mistakes.found:
                raise
            return (UNKNOWN,)  # what gives it was left out
        if steps > _NEAR:
            self.budget.charge("layers", steps // _NEAR)
        return values

    def find_all(self, names: Iterable[Scalar], env: Env) -> Bundle:
        """The values of several names, one after the other."""
        bundles = [self.find(scalar.text, env) for scalar in names]
        if len(bundles) == 1:
            return bundles[0]
        self.budget.charge("values", sum(map(len, bundles)) // 8)
        return tuple([value for bundle in bundles for value in bundle])

    # -- layers ---------------------------------------------------------------------------------------------------

    def apply_layer(
        self, layer: Layer, env: Env, current: Bundle, scope: NameScope, label: Label | None = None
    ) -> Bundle:
        """Applies a layer to the current value, or to the values that its `from` names."""
        level = self.level = self.level + 1
        self.spend(1, layer, env.use)
        if level > self.nesting:
            message = f"more than {self.nesting} layers inside one another"
            raise LimitError(Diagnostic(message, layer.span, use=env.use))
        if layer.source:
            current = self.find_all(layer.source, env)
        if label is None and len(layer.names) == 1:
            label = Label(layer.names[0].text, layer.names[0].span)
        try:
            result = self.apply[type(layer)](layer, env, current, scope, label)
        except LimitError:
            raise
        except (SpecError, UnknownError) as error:
            result = self.recover(layer, current, error)
        if layer.names:
            self.bind_names(layer, env, result)
        self.level = level - 1
        return result

    def recover(self, layer: Layer, current: Bundle, error: SpecError | UnknownError) -> Bundle:
        """What a layer gives that is wrong, or depends on what is."""
        if isinstance(error, SpecError):
            self.mistakes.report(error)
        self.skipped = self.skipped or isinstance(layer, Loop | ArgumentUse)
        self.mark_read(current)
        return (UNKNOWN,)

    def bind_names(self, layer: Layer, env: Env, result: Bundle) -> None:
        """Gives the results of a layer the names of its `as`."""
        if len(layer.names) == 1:
            env.frame.values[layer.names[0].text] = result
            return
        if len(layer.names) != len(result):
            if not self.has_unknown(result):
                count = "one value" if len(result) == 1 else f"{len(result)} values"
                span = layer.names[min(len(result), len(layer.names) - 1)].span
                self.report(f"as has {len(layer.names)} names for {count}", span, env.use)
            self.mark_read(result)
            result = (UNKNOWN,) * len(layer.names)
        self.budget.charge("values", len(result) // 2)
        env.frame.values.update((scalar.text, (value,)) for scalar, value in zip(layer.names, result, strict=True))

    def apply_item(self, item: NamedLayer, env: Env, current: Bundle, scope: NameScope) -> Bundle:
        if item.name is None:
            return self.apply_layer(item.layer, env, current, scope)
        result = self.apply_layer(item.layer, env, current, scope, Label(item.name.text, item.name.span))
        env.frame.values[item.name.text] = result
        return result

    def apply_sequential(
        self, sequence: Sequential, env: Env, current: Bundle, scope: NameScope, label: Label | None
    ) -> Bundle:
        if not sequence.items:
            return current
        if label is not None:
            scope = self.open_region(scope, label, "", {}, sequence.span, env.use)
        self.budget.charge("layers", FRAME)
        inner = env.inside()
        for item in sequence.items:
            current = self.apply_item(item, inner, current, scope)
        return current

    def apply_body(self, layer: Layer, env: Env, current: Bundle, scope: NameScope) -> Bundle:
        """A block's or the document's layers, whose names are those of `env` itself."""
        if not isinstance(layer, Sequential) or layer.source or layer.names:
            return self.apply_layer(layer, env, current, scope)
        for item in layer.items:
            current = self.apply_item(item, env, current, scope)
        return current

    # -- names ----------------------------------------------------------------------------------------------------

    def take_name(self, scope: NameScope, label: Label | None, span: Span, use: Use | None) -> Path:
        """The path of what gets a label, or the next number; one that is taken is a mistake, and is used all the same."""
        try:
            return scope.take_name(label, span, use)
        except SpecError as error:
            self.mistakes.report(error)
            return (*scope.path, label.text if label is not None else "")

    def open_region(
        self, scope: NameScope, label: Label | None, kind: str, arguments: dict[str, Any], span: Span, use: Use | None
    ) -> NameScope:
        path = self.take_name(scope, label, span, use)
        self.budget.charge("layers", SCOPE + len(path) // 4, span, use)
        return NameScope(self.graph.add_region(path, kind, arguments, span, scope.region).id, path)
