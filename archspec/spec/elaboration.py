"""The state of an elaboration, and the application of layers, which dispatches on their class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from archspec.errors import Diagnostic, LimitError, SpecError, raise_spec_error
from archspec.ir.graph import Graph, Path
from archspec.spans import Span, Use
from archspec.spec.bound_tree import (
    ArgumentUse,
    ComputedName,
    Layer,
    Loop,
    NamedLayer,
    Program,
    Reuse,
    Sequential,
    makes_no_module,
    takes_number,
)
from archspec.spec.budget import FRAME, SCOPE, Budget
from archspec.spec.computed_names import evaluate_name
from archspec.spec.environment import UNKNOWN, Bundle, Env, FirstUse, Label, NameScope, ValueFrame, find_shape
from archspec.spec.mistakes import Mistakes
from archspec.spec.node_builder import NodeBuilder
from archspec.spec.values import UnknownError
from archspec.spec.yaml_tree import Scalar
from archspec.suggestions import did_you_mean

Apply = Callable[[Any, Env, Bundle, NameScope, Label | None], Bundle]

_NEAR = 8  # frames that are searched for a name without charge


class Elaboration:
    """The graph of one program during its elaboration, with the names, values and mistakes so far.

    The result of a layer with a mistake is `UNKNOWN`. A layer that reads an unknown value is not checked and has an unknown
    result; elaboration goes on with the others, so that independent mistakes are found in one run.
    """

    apply: Mapping[type[Layer], Apply]
    """The function that applies a layer, by its class."""

    def __init__(self, program: Program, budget: Budget) -> None:
        self.program, self.budget = program, budget
        self.graph = Graph(program.name, program.source)
        self.document = Env({}, ValueFrame())
        self.builder = NodeBuilder(self.graph, self.document, budget)
        self.mistakes = Mistakes(budget)
        self.may_be_unused: set[int] = set()
        """The nodes whose values may stay unused: those of bundles, and the operands of layers with a mistake."""
        self.skipped = False
        """Whether a layer was skipped whose operands are not known."""
        self.modules: dict[Path, FirstUse] | None = {} if program.reuses_paths else None
        """The first use of each module by its path, if some are used again by their paths."""
        self.root: Path = ()
        """The path of the network whose layers are applied: a part of another one has its own."""
        self.identities: dict[Layer, frozenset[str] | None] = {}
        self.level, self.nesting = 0, budget.limits.nesting
        self.spend = self.builder.count_layers

    # -- mistakes, and the unknown values that follow from them ------------------------------------------------------

    def report(self, message: str, span: Span, use: Use | None, *, help: str | None = None) -> None:
        self.mistakes.report(SpecError(Diagnostic(message, span, use=use, help=help)))

    def has_unknown(self, values: Bundle) -> bool:
        """Whether one of the values is unknown; none is before the first mistake."""
        if not self.mistakes.found:
            return False
        self.budget.charge("values", len(values) // 8)
        return any(value is UNKNOWN for value in values)

    def mark_read(self, values: Bundle) -> None:
        """Marks values as read, so that they are not reported as unused."""
        self.budget.charge("values", len(values) // 4)
        self.may_be_unused.update([value.node for value in values])

    def find(self, name: str, env: Env) -> Bundle:
        """The values of a name."""
        try:
            values, steps = env.frame.find(name)
        except KeyError:
            if not self.mistakes.found:
                raise
            return (UNKNOWN,)  # its producer was skipped
        if steps > _NEAR:
            self.budget.charge("layers", steps // _NEAR)
        return values

    def find_all(self, names: Iterable[Scalar], env: Env) -> Bundle:
        """The values of several names in order."""
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
        if layer.computed_name is not None:
            label = self.compute_label(layer.computed_name, env, current)
        elif label is None and len(layer.names) == 1:
            label = Label(layer.names[0].text, layer.names[0].span)
        if label is not None and self.program.reused:
            self.record_first_use(layer, env, scope, label)
        module = self.find_module_name(layer, scope, label) if self.modules is not None else None
        try:
            result = self.apply[type(layer)](layer, env, current, scope, label)
        except LimitError:
            raise
        except (SpecError, UnknownError) as error:
            result = self.recover(layer, current, error)
        if module is not None and self.modules is not None:
            self.modules.setdefault((*scope.path, *module.text.split(".")), FirstUse(layer, env, scope.path, module))
        if layer.names:
            self.bind_names(layer, env, result)
        self.level = level - 1
        return result

    def compute_label(self, name: ComputedName, env: Env, current: Bundle) -> Label | None:
        """The label of a computed name; None if it is not known, or wrong, which is reported."""
        try:
            return Label(evaluate_name(name, env.names, find_shape(current), env.use), name.span)
        except UnknownError:
            return None
        except SpecError as error:
            self.mistakes.report(error)
            return None

    def record_first_use(self, layer: Layer, env: Env, scope: NameScope, label: Label) -> None:
        """Notes where a named layer is applied, if it is applied again by a `reuse`."""
        for name in {label.text, *(scalar.text for scalar in layer.names)} & self.program.reused:
            env.frame.layers = env.frame.layers or {}
            env.frame.layers[name] = FirstUse(layer, env, scope.path, label)

    def apply_reuse(self, use: Reuse, env: Env, current: Bundle, scope: NameScope, _: Label | None) -> Bundle:
        """Applies a named layer once more; its modules have the names, and so the weights, of its first use.

        A label of the second use names its value only.
        """
        first = self.find_module(use, env, scope) if use.layer is None else env.frame.find_layer(use.name)
        if first is None:
            raise UnknownError
        outer, self.builder.sharing = self.builder.sharing, True
        again = NameScope(scope.region, first.path)
        layer = first.layer
        inside = Env(first.env.names, ValueFrame(first.env.frame), Use(use.name, {}, use.span, env.use))
        try:
            return self.apply[type(layer)](layer, inside, current, again, first.label)
        finally:
            self.builder.sharing = outer

    def find_module_name(self, layer: Layer, scope: NameScope, label: Label | None) -> Label | None:
        """The name that a layer's module will take; None if it has none. A layer argument is the layer that was given."""
        if isinstance(layer, ArgumentUse | Reuse) or makes_no_module(layer):
            return None
        return Label(str(scope.number), layer.span) if label is None and takes_number(layer) else label

    def find_module(self, use: Reuse, env: Env, scope: NameScope) -> FirstUse | None:
        """The first use of the module of a path, which begins in the scope of the `reuse` or in one around it; with a dot, in the network.

        None if it was skipped after a mistake. Raises `SpecError` if there is none.
        """
        assert self.modules is not None
        names = tuple(use.name.removeprefix(".").split("."))
        least = len(self.root)
        for end in range(least if use.name.startswith(".") else len(scope.path), least - 1, -1):
            self.budget.charge("layers", 1)
            first = self.modules.get((*scope.path[:end], *names))
            if first is not None:
                return first
        if not self.mistakes.found:
            self.refuse_module(use, env)
        return None

    def refuse_module(self, use: Reuse, env: Env) -> NoReturn:
        assert self.modules is not None
        least = len(self.root)
        known = [".".join(path[least:]) for path in self.modules if path[:least] == self.root]
        message = f"{use.name[:60]!r} is no module before this one"
        raise_spec_error(message, use.span, env.use, help=did_you_mean(use.name, known))

    def recover(self, layer: Layer, current: Bundle, error: SpecError | UnknownError) -> Bundle:
        """Reports the mistake of a layer and returns its unknown result."""
        if isinstance(error, SpecError):
            self.mistakes.report(error)
        self.skipped = self.skipped or isinstance(layer, Loop | ArgumentUse)
        self.mark_read(current)
        return (UNKNOWN,)

    def bind_names(self, layer: Layer, env: Env, result: Bundle) -> None:
        """Names the results of a layer by its `as`."""
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
        if label is not None or sequence.numbered:
            scope = self.open_region(scope, label, "", {}, sequence.span, env.use)
        self.budget.charge("layers", FRAME)
        inner = env.inside()
        for item in sequence.items:
            current = self.apply_item(item, inner, current, scope)
        return current

    def apply_body(self, layer: Layer, env: Env, current: Bundle, scope: NameScope) -> Bundle:
        """Applies the layers of a block or of the document, whose values are named in `env` itself."""
        if not isinstance(layer, Sequential) or layer.source or layer.names or layer.computed_name or layer.numbered:
            return self.apply_layer(layer, env, current, scope)
        for item in layer.items:
            current = self.apply_item(item, env, current, scope)
        return current

    # -- names ----------------------------------------------------------------------------------------------------

    def take_name(self, scope: NameScope, label: Label | None, span: Span, use: Use | None) -> Path:
        """The path for a label, or for the next number; a path that is taken is reported, and used nevertheless."""
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
