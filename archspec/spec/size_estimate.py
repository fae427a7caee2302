"""Computes a lower bound of a network's size before it is built; a repeated body is counted once and multiplied."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from archspec.errors import Diagnostic, LimitError, SpecError
from archspec.spans import Use
from archspec.spec.bound_tree import (
    ArgumentUse,
    BlockDef,
    BlockUse,
    JoinUse,
    Layer,
    Loop,
    NetworkUse,
    OpUse,
    Program,
    Reuse,
    Sequential,
    iter_children,
)
from archspec.spec.budget import MORE_NODES, MORE_WORK, Budget
from archspec.spec.known import KnownArguments, SizeEstimate, WrittenLayer
from archspec.spec.values import NO_VALUE, UNKNOWN_NUMBER, UnknownError, evaluate_tree
from archspec.spec.yaml_tree import Tree

_MOST_COUNTS = 20_000
_TURNS = 64  # of a repeat that are told apart by the number of values that they get
_COUNT = 4  # units of work for the size of one layer


def check_size(program: Program, budget: Budget) -> None:
    """Raises `LimitError` at the layer that makes the network too large, if it would certainly exceed a limit."""
    for known in ({"number", "layer"}, {"layer"}, set[str]()):
        try:
            _SizeEstimator(program, budget, known).check()
        except _TooManyError:
            continue  # so many cases are told apart that counting them is too much: tell fewer
        return


class _TooManyError(Exception):
    """More places and arguments than it pays to count."""


class _SizeEstimator:
    def __init__(self, program: Program, budget: Budget, known: set[str]) -> None:
        self.program, self.budget, self.known = program, budget, known
        self.limits, self.left = budget.limits, budget.most - budget.units
        self.sizes: dict[tuple[int, int, int | None], SizeEstimate] = {}
        self.envs: dict[Any, KnownArguments] = {}
        self.inner: dict[tuple[int, int], KnownArguments] = {}
        self.level = 0
        self.use: Use | None = None
        """The use of a block whose layers are looked at."""
        names: dict[str, Any] = {}
        self.document = KnownArguments(0, names, names)

    def check(self) -> None:
        names = self.document.own
        for name, parameter in self.program.parameters.items():
            names[name] = self.bound(parameter.default, names, lambda: self.document)
        self.search(self.program.stages, self.document, len(self.program.inputs))

    def search(self, layer: Layer, env: KnownArguments, width: int | None) -> None:
        """Looks for the innermost layer that alone is too large."""
        if not self.exceeds(self.size(layer, env, width)):
            return
        while True:
            inner = [part for part in self.parts(layer, env, width) if self.exceeds(self.size(*part))]
            if len(inner) != 1:
                self.fail(self.crossing() if layer is self.program.stages else layer, self.size(layer, env, width))
            self.use = self.use_in(layer, env)
            layer, env, width = inner[0]

    def crossing(self) -> Layer:
        """The stage with which the stages before it are too large: the list of all has no place of its own."""
        total = SizeEstimate(0, 0)
        for part in self.parts(self.program.stages, self.document, len(self.program.inputs)):
            total = total.plus(self.size(*part))
            if self.exceeds(total):
                return part[0]
        return self.program.stages

    def exceeds(self, size: SizeEstimate) -> bool:
        return size.nodes > self.limits.nodes or size.layers > self.limits.layers or size.work > self.left

    def fail(self, layer: Layer, size: SizeEstimate) -> None:
        advice: str | None = None
        if size.nodes > self.limits.nodes:
            message, advice = f"the network would have more than {self.limits.nodes:,} nodes", MORE_NODES
        elif size.layers > self.limits.layers:
            message = f"the network would take more than {self.limits.layers:,} layers, identities counted"
        else:
            message, advice = f"the network would take more than {self.budget.most:,} units of work", MORE_WORK
        raise LimitError(Diagnostic(message, layer.span, use=self.use, help=advice))

    # -- sizes ----------------------------------------------------------------------------------------------------

    def size(self, layer: Layer, env: KnownArguments, width: int | None) -> SizeEstimate:
        """The size of a layer that is applied to `width` values."""
        if layer.source:
            width = None
        key = (id(layer), env.id, width)
        estimate = self.sizes.get(key)
        if estimate is None:
            if len(self.sizes) > _MOST_COUNTS:
                raise _TooManyError
            self.budget.charge("sizing", _COUNT, layer.span, self.use)
            self.level += 1
            if self.level > 2 * self.limits.nesting:  # a block's use and its layers are two levels here
                message = f"more than {self.limits.nesting} layers inside one another"
                raise LimitError(Diagnostic(message, layer.span, use=self.use))
            outer, self.use = self.use, self.use_in(layer, env)
            estimate = self.sizes[key] = self.estimate_layer(layer, env, width)
            self.level, self.use = self.level - 1, outer
        return estimate

    def estimate_layer(self, layer: Layer, env: KnownArguments, width: int | None) -> SizeEstimate:
        match layer:
            case Loop():
                return self.estimate_loop(layer, env, width)
            case JoinUse():
                return self.join(layer, env, width)
            case OpUse() if layer.op.transparent:
                return SizeEstimate(0, 1, width)
            case OpUse():
                return SizeEstimate(1, 1, 1 if layer.op.one_output else None)
            case NetworkUse():
                return self.network(layer, env)
            case ArgumentUse() if isinstance(env.names.get(layer.name), SizeEstimate):
                return SizeEstimate(0, 1).plus(env.names[layer.name])
        total = SizeEstimate(0, 1, width if isinstance(layer, Sequential) else None)
        for part in self.parts(layer, env, width):
            total = total.plus(self.size(*part))
        return total._replace(width=None) if isinstance(layer, BlockUse) and self.block(layer).outputs else total

    def network(self, use: NetworkUse, env: KnownArguments) -> SizeEstimate:
        """The size of the stages of a network that are used, with the arguments that are known here."""
        part = _SizeEstimator(use.program, self.budget, self.known)
        part.level, part.use = self.level, self.use
        names = part.document.own
        for name, parameter in use.program.parameters.items():
            given = use.arguments.get(name)
            if given is None or isinstance(given, Layer):
                names[name] = part.bound(parameter.default, names, lambda: part.document)
            else:
                names[name] = self.value(given, env.names)
        return part.size(use.stages, part.document, len(use.program.inputs))._replace(width=None)

    def join(self, join: JoinUse, env: KnownArguments, width: int | None) -> SizeEstimate:
        """The size of the branches, and of the join if it has more than one operand."""
        total = SizeEstimate(0, 1)
        least = 0
        exact = True
        for part in self.parts(join, env, width):
            size = self.size(*part)
            total = total.plus(size)
            exact = exact and size.width is not None
            least += int(not isinstance(part[0], Loop)) if size.width is None else size.width
        nodes = int(join.op.one_output and least > 1)
        out = (least if exact else None) if not join.op.one_output or (exact and least < 2) else 1
        return SizeEstimate(total.nodes + nodes, total.layers + least, out)

    def parts(
        self, layer: Layer, env: KnownArguments, width: int | None
    ) -> Iterator[tuple[Layer, KnownArguments, int | None]]:
        """The layers that a layer is made of, each with what is known in it and the number of values that it is applied to."""
        if layer.source:
            width = None
        match layer:
            case JoinUse():
                yield from ((branch, env, width) for branch in iter_children(layer))
            case Sequential():
                for item in iter_children(layer):
                    yield item, env, width
                    width = self.size(item, env, width).width
            case Reuse(layer=Layer()):
                yield layer.layer, env, width  # type: ignore[misc]
            case BlockUse():
                yield self.block(layer).body, self.inside(layer, env), width
            case ArgumentUse() if isinstance(env.names.get(layer.name), WrittenLayer):
                written = env.names[layer.name]
                yield written.layer, written.env, width
            case Loop(word="nest", core=Layer() as core):
                yield core, env, None
            case Loop():
                yield layer.body, self.without_index(env, layer.index), 1 if layer.word == "each" else width

    def block(self, use: BlockUse) -> BlockDef:
        return self.program.blocks[use.block]

    def estimate_loop(self, loop: Loop, env: KnownArguments, width: int | None) -> SizeEstimate:
        if loop.word == "nest":
            return self.nest(loop, env)
        if loop.word == "each":
            count, width = 1 if width is None else width, None if width is None else 1
        else:
            count = self.times(loop, env)
        inside = self.without_index(env, loop.index)
        if loop.word == "repeat":
            return self.repeat(loop.body, inside, count, width)
        if count == 0:
            return SizeEstimate(0, 1, 0 if loop.word == "each" else None)
        single = self.size(loop.body, inside, 1 if loop.word == "each" else width)
        every = single.times(count).plus(SizeEstimate(0, count))
        known = single.width is not None and (loop.word == "copies" or width is not None)
        return every._replace(width=count * (single.width or 0) if known else None)

    def times(self, turns: Loop, env: KnownArguments) -> int:
        times = self.value(turns.times, env.names)
        return max(0, times) if isinstance(times, int) and not isinstance(times, bool) else 0

    def repeat(self, body: Layer, env: KnownArguments, count: int, width: int | None) -> SizeEstimate:
        """So many turns in series; from where the number of values stays the same, all turns are alike."""
        total = SizeEstimate(0, 1, width)
        for turn in range(min(count, _TURNS)):
            size = self.size(body, env, total.width)
            if size.width == total.width:
                return total.plus(size.times(count - turn)).plus(SizeEstimate(0, count - turn, size.width))
            total = total.plus(SizeEstimate(0, 1)).plus(size)
            if self.exceeds(total):
                return total
        if count <= _TURNS:
            return total if count else SizeEstimate(0, 1)
        return total.plus(self.size(body, env, None).times(count - _TURNS))._replace(width=None)

    def nest(self, turns: Loop, env: KnownArguments) -> SizeEstimate:
        assert turns.core is not None
        level = self.size(turns.core, env, None)._replace(width=None)
        inner = self.without_index(env, turns.index)
        for _ in range(min(self.times(turns, env), self.limits.nesting)):
            around = self.env({**inner.own, "core": level})
            level = self.size(turns.body, around, None)._replace(width=None)
            if self.exceeds(level):
                break
        return level

    # -- what is known --------------------------------------------------------------------------------------------

    def env(self, own: dict[str, Any]) -> KnownArguments:
        """The environment of these names and the document's; equal ones are one."""
        key = tuple(
            (name, (id(value.layer), value.env.id) if isinstance(value, WrittenLayer) else value)
            for name, value in own.items()
        )
        self.budget.charge("sizing", 1 + len(key))
        known = self.envs.get(key)
        if known is None:
            known = self.envs[key] = KnownArguments(1 + len(self.envs), own, ChainMap(own, self.document.own))
        return known

    def without_index(self, env: KnownArguments, index: str | None) -> KnownArguments:
        """The environment in a turn, whose number is not known."""
        return env if index is None else self.env({**env.own, index: UNKNOWN_NUMBER})

    def inside(self, use: BlockUse, env: KnownArguments) -> KnownArguments:
        """The environment in a block: the document's arguments and its own."""
        key = (id(use), env.id)
        if key not in self.inner:
            own: dict[str, Any] = {}
            names = ChainMap(own, self.document.own)
            for name, parameter in self.block(use).parameters.items():
                given = use.arguments.get(name)
                if given is not None:
                    own[name] = self.bound(given, env.names, lambda: env)
                else:
                    own[name] = self.bound(parameter.default, names, lambda: self.env(dict(own)))
            self.inner[key] = self.env(own)
        return self.inner[key]

    def use_in(self, layer: Layer, env: KnownArguments) -> Use | None:
        """The use of a block that the parts of a layer are in."""
        if not isinstance(layer, BlockUse):
            return self.use
        shown = {name: value for name, value in self.inside(layer, env).own.items() if _is_shown(value)}
        return Use(layer.block, shown, layer.span, self.use)

    def bound(self, value: Tree | Layer | None, names: Mapping[str, Any], around: Callable[[], KnownArguments]) -> Any:
        """The known value of an argument; `around` returns the environment for one that is a layer."""
        if not isinstance(value, Layer):
            return self.value(value, names)
        return WrittenLayer(value, around()) if "layer" in self.known else UNKNOWN_NUMBER

    def value(self, tree: Tree | None, names: Mapping[str, Any]) -> Any:
        """The value of an argument, or `UNKNOWN_NUMBER`."""
        if tree is None or "number" not in self.known:
            return UNKNOWN_NUMBER
        try:
            return evaluate_tree(tree, names, NO_VALUE, None)
        except LimitError:
            raise
        except (SpecError, UnknownError):
            return UNKNOWN_NUMBER


def _is_shown(value: Any) -> bool:
    return value is not UNKNOWN_NUMBER and not isinstance(value, WrittenLayer)
