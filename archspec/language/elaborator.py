"""The interpreter of the bound tree: makes the graph, one node after the other, each shaped as it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from archspec.diagnostics import Diagnostic, LimitError, Span, SpecError, Use, fail
from archspec.graph import Graph, Path
from archspec.language import turns
from archspec.language.budget import FRAME, SCOPE, Budget
from archspec.language.calls import argument, block, declare
from archspec.language.ends import check_reached, input_value, name_outputs
from archspec.language.layers import (
    ArgumentUse,
    BlockUse,
    Chain,
    Item,
    JoinUse,
    Layer,
    OpUse,
    Program,
    Turns,
    ValueUse,
)
from archspec.language.maker import Maker
from archspec.language.mistakes import Mistakes
from archspec.language.scopes import UNKNOWN, Bundle, Env, Frame, Label, Place
from archspec.language.tree import Scalar
from archspec.language.values import UnknownError
from archspec.language.whole_numbers import check_whole_numbers

Results = list[tuple[Item, Bundle]]
"""The branches of a join with what comes out of each."""

Apply = Callable[[Any, Env, Bundle, Place, Label | None], Bundle]


class Elaborator:
    """Makes the graph of one program.

    What does not fit is a mistake, and what the layer makes is `UNKNOWN`: whatever reads that is unknown too and is not judged,
    all else goes on. So independent mistakes are found together.
    """

    def __init__(self, program: Program, budget: Budget) -> None:
        self.program, self.budget = program, budget
        self.graph = Graph(program.name, program.source)
        self.document = Env({}, Frame())
        self.maker = Maker(self.graph, self.document, budget)
        self.mistakes = Mistakes(budget)
        self.left: set[int] = set()
        """The nodes whose values may be left unused: those of bundles, and those that a layer reads which is wrong."""
        self.skipped = False
        """Whether there are layers of which it is not known what they would have read."""
        self.identities: dict[Layer, frozenset[str] | None] = {}
        self.level, self.nesting = 0, budget.limits.nesting
        self.spend = self.maker.spend
        self.apply: Mapping[type[Layer], Apply] = {
            OpUse: self.op,
            JoinUse: self.join,
            Chain: self.chain,
            BlockUse: lambda *layer: block(self, *layer),
            ArgumentUse: lambda *layer: argument(self, *layer),
            ValueUse: lambda layer, env, *_: self.find(layer.name, env),
            Turns: lambda *layer: turns.run(self, *layer),
        }

    def elaborate(self) -> Graph:
        """The whole network. Raises `SpecError` with all mistakes."""
        try:
            self.network()
            check_reached(self)
        except LimitError as error:
            raise self.mistakes.ended(error) from None
        self.mistakes.raise_if_any()
        check_whole_numbers(self.graph)
        return self.graph

    def network(self) -> None:
        program = self.program
        declare(self, program.parameters, {}, self.document, self.document, (), program.name)
        current = tuple([input_value(self, use) for use in program.inputs])
        values = self.document.frame.values
        values.update((use.name, (value,)) for use, value in zip(program.inputs, current, strict=True))
        values["input"] = current
        last = self.body(program.stages, self.document, current, Place(0, ()))
        name_outputs(self, last)

    # -- mistakes, and what is not known because of them -------------------------------------------------------------

    def report(self, message: str, span: Span, use: Use | None, *, help: str | None = None) -> None:
        self.mistakes.report(SpecError(Diagnostic(message, span, use=use, help=help)))

    def unknown(self, values: Bundle) -> bool:
        """Whether one of some values is not known; none is where nothing is wrong."""
        if not self.mistakes.found:
            return False
        self.budget.charge("values", len(values) // 8)
        return any(value is UNKNOWN for value in values)

    def read(self, values: Bundle) -> None:
        """Takes note that values are read, or may be left."""
        self.budget.charge("values", len(values) // 4)
        self.left.update([value.node for value in values])

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

    def found(self, names: Iterable[Scalar], env: Env) -> Bundle:
        """The values of several names, one after the other."""
        bundles = [self.find(scalar.text, env) for scalar in names]
        if len(bundles) == 1:
            return bundles[0]
        self.budget.charge("values", sum(map(len, bundles)) // 8)
        return tuple([value for bundle in bundles for value in bundle])

    # -- layers ---------------------------------------------------------------------------------------------------

    def run(self, layer: Layer, env: Env, current: Bundle, place: Place, label: Label | None = None) -> Bundle:
        """Applies a layer to the current value, or to the values that its `from` names."""
        level = self.level = self.level + 1
        self.spend(1, layer, env.use)
        if level > self.nesting:
            message = f"more than {self.nesting} layers inside one another"
            raise LimitError(Diagnostic(message, layer.span, use=env.use))
        if layer.source:
            current = self.found(layer.source, env)
        if label is None and len(layer.names) == 1:
            label = Label(layer.names[0].text, layer.names[0].span)
        try:
            result = self.apply[type(layer)](layer, env, current, place, label)
        except LimitError:
            raise
        except (SpecError, UnknownError) as error:
            result = self.failed(layer, current, error)
        if layer.names:
            self.bind(layer, env, result)
        self.level = level - 1
        return result

    def failed(self, layer: Layer, current: Bundle, error: SpecError | UnknownError) -> Bundle:
        """What a layer gives that is wrong, or depends on what is."""
        if isinstance(error, SpecError):
            self.mistakes.report(error)
        self.skipped = self.skipped or isinstance(layer, Turns | ArgumentUse)
        self.read(current)
        return (UNKNOWN,)

    def bind(self, layer: Layer, env: Env, result: Bundle) -> None:
        """Gives the results of a layer the names of its `as`."""
        if len(layer.names) == 1:
            env.frame.values[layer.names[0].text] = result
            return
        if len(layer.names) != len(result):
            if not self.unknown(result):
                found = "one value" if len(result) == 1 else f"{len(result)} values"
                span = layer.names[min(len(result), len(layer.names) - 1)].span
                self.report(f"as has {len(layer.names)} names for {found}", span, env.use)
            self.read(result)
            result = (UNKNOWN,) * len(layer.names)
        self.budget.charge("values", len(result) // 2)
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
        self.budget.charge("layers", FRAME)
        inner = env.inside()
        for item in chain.items:
            current = self.item(item, inner, current, place)
        return current

    def body(self, layer: Layer, env: Env, current: Bundle, place: Place) -> Bundle:
        """A block's or the document's layers, whose names are those of `env` itself."""
        if not isinstance(layer, Chain) or layer.source or layer.names:
            return self.run(layer, env, current, place)
        for item in layer.items:
            current = self.item(item, env, current, place)
        return current

    # -- names ----------------------------------------------------------------------------------------------------

    def take(self, place: Place, label: Label | None, span: Span, use: Use | None) -> Path:
        """The path of what gets a label, or the next number; one that is taken is a mistake, and is used all the same."""
        try:
            return place.take(label, span, use)
        except SpecError as error:
            self.mistakes.report(error)
            return (*place.path, label.text if label is not None else "")

    def open(
        self, place: Place, label: Label | None, kind: str, arguments: dict[str, Any], span: Span, use: Use | None
    ) -> Place:
        path = self.take(place, label, span, use)
        self.budget.charge("layers", SCOPE + len(path) // 4, span, use)
        return Place(self.graph.open(path, kind, arguments, span, place.scope).id, path)

    # -- ops and joins --------------------------------------------------------------------------------------------

    def op(self, use: OpUse, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        if use.op.word == "identity":
            return current
        path = self.take(place, label, use.span, env.use) if label is not None or use.op.numbered else ()
        unknown = self.unknown(current)
        fewest, most = use.op.operands
        if not unknown and (len(current) < fewest or (most is not None and len(current) > most)):
            _wrong_count(use, env, current)
        op = self.maker.make(use, env, current)
        if unknown:
            raise UnknownError
        return self.maker.add(use, op, current, path, place.scope, env)

    def join(self, use: JoinUse, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
        own = label is not None and any(not isinstance(item.layer, ValueUse) for item in use.branches)
        inner = self.open(place, label, "", {}, use.span, env.use) if own else place
        inside = env.inside()
        results = [(item, self.item(item, inside, current, inner)) for item in use.branches]
        self.maker.spend(sum([len(result) for _, result in results]), use, env.use)
        values = tuple([value for _, result in results for value in result])
        if use.op.word == "bundle":
            self.read(values)
            return values
        if len(values) <= 1:
            return values
        path = inner.path if own else self.take(place, label, use.span, env.use) if label is not None else ()
        try:
            return self.joined(use, env, current, results, values, Place(inner.scope, path))
        except (SpecError, UnknownError):
            self.read(values)
            raise

    def joined(self, use: JoinUse, env: Env, current: Bundle, results: Results, values: Bundle, place: Place) -> Bundle:
        op = self.maker.make(use, env, current)
        if self.unknown(values):
            raise UnknownError
        return self.maker.add(use, op, values, place.path, place.scope, env, results, current)


_NEAR = 8  # frames that are looked through for a name without being charged


def _wrong_count(use: OpUse, env: Env, current: Bundle) -> None:
    fewest, most = use.op.operands
    several = f"{fewest} values" if fewest == most else f"{fewest} to {most} values"
    wanted = "a single value" if most == 1 else several
    found = "a single value" if len(current) == 1 else f"a bundle of {len(current)}"
    advice = "each: {layers: …} applies it to every value" if len(current) > 1 else None
    fail(f"{use.op.word} needs {wanted}, got {found}", use.span, env.use, help=advice)
