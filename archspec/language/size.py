"""How large a network will be at least, found out before it is made: what multiplies is counted once and multiplied."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from archspec.diagnostics import Diagnostic, LimitError, SpecError, Use
from archspec.language.budget import MORE_NODES, MORE_WORK, Budget
from archspec.language.known import Known, Size, Written
from archspec.language.layers import ArgumentUse, Block, BlockUse, Chain, JoinUse, Layer, OpUse, Program, Turns
from archspec.language.tree import Tree
from archspec.language.values import NO_VALUE, UNKNOWN_NUMBER, UnknownError, evaluate
from archspec.ops.tensor import Split

_MOST_COUNTS = 20_000
_TURNS = 64  # of a repeat that are told apart by the number of values that they get
_COUNT = 4  # units of work for the size of one layer


def check_size(program: Program, budget: Budget) -> None:
    """Raises `LimitError` where the network would surely exceed a limit, at the layer that makes it so large."""
    for known in ({"number", "layer"}, {"layer"}, set[str]()):
        try:
            _Counter(program, budget, known).check()
        except _TooManyError:
            continue  # so many cases are told apart that counting them is too much: tell fewer
        return


class _TooManyError(Exception):
    """More places and arguments than it pays to count."""


class _Counter:
    def __init__(self, program: Program, budget: Budget, known: set[str]) -> None:
        self.program, self.budget, self.known = program, budget, known
        self.limits, self.left = budget.limits, budget.most - budget.units
        self.sizes: dict[tuple[int, int, int | None], Size] = {}
        self.envs: dict[Any, Known] = {}
        self.inner: dict[tuple[int, int], Known] = {}
        self.level = 0
        self.use: Use | None = None
        """The use of a block whose layers are looked at."""
        names: dict[str, Any] = {}
        self.document = Known(0, names, names)

    def check(self) -> None:
        names = self.document.own
        for name, parameter in self.program.parameters.items():
            names[name] = self.bound(parameter.default, names, lambda: self.document)
        self.search(self.program.stages, self.document, len(self.program.inputs))

    def search(self, layer: Layer, env: Known, width: int | None) -> None:
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
        total = Size(0, 0)
        for part in self.parts(self.program.stages, self.document, len(self.program.inputs)):
            total = total.also(self.size(*part))
            if self.exceeds(total):
                return part[0]
        return self.program.stages

    def exceeds(self, size: Size) -> bool:
        return size.nodes > self.limits.nodes or size.layers > self.limits.layers or size.work > self.left

    def fail(self, layer: Layer, size: Size) -> None:
        advice: str | None = None
        if size.nodes > self.limits.nodes:
            message, advice = f"the network would have more than {self.limits.nodes:,} nodes", MORE_NODES
        elif size.layers > self.limits.layers:
            message = f"the network would take more than {self.limits.layers:,} layers, identities counted"
        else:
            message, advice = f"the network would take more than {self.budget.most:,} units of work", MORE_WORK
        raise LimitError(Diagnostic(message, layer.span, use=self.use, help=advice))

    # -- sizes ----------------------------------------------------------------------------------------------------

    def size(self, layer: Layer, env: Known, width: int | None) -> Size:
        """The size of a layer that is applied to so many values."""
        if layer.source:
            width = None
        key = (id(layer), env.id, width)
        found = self.sizes.get(key)
        if found is None:
            if len(self.sizes) > _MOST_COUNTS:
                raise _TooManyError
            self.budget.charge("sizing", _COUNT, layer.span, self.use)
            self.level += 1
            if self.level > 2 * self.limits.nesting:  # a block's use and its layers are two levels here
                message = f"more than {self.limits.nesting} layers inside one another"
                raise LimitError(Diagnostic(message, layer.span, use=self.use))
            outer, self.use = self.use, self.use_in(layer, env)
            found = self.sizes[key] = self.counted(layer, env, width)
            self.level, self.use = self.level - 1, outer
        return found

    def counted(self, layer: Layer, env: Known, width: int | None) -> Size:
        match layer:
            case Turns():
                return self.turns(layer, env, width)
            case JoinUse():
                return self.join(layer, env, width)
            case OpUse() if layer.op.word == "identity":
                return Size(0, 1, width)
            case OpUse():
                return Size(1, 1, None if layer.op is Split else 1)
            case ArgumentUse() if isinstance(env.names.get(layer.name), Size):
                return Size(0, 1).also(env.names[layer.name])
        total = Size(0, 1, width if isinstance(layer, Chain) else None)
        for part in self.parts(layer, env, width):
            total = total.also(self.size(*part))
        return total._replace(width=None) if isinstance(layer, BlockUse) and self.block(layer).outputs else total

    def join(self, join: JoinUse, env: Known, width: int | None) -> Size:
        """The branches, and the join of what comes out of them if that is more than one value."""
        total = Size(0, 1)
        least = 0
        exact = True
        for item in join.branches:
            size = self.size(item.layer, env, width)
            total = total.also(size)
            exact = exact and size.width is not None
            least += int(not isinstance(item.layer, Turns)) if size.width is None else size.width
        nodes = int(join.op.word != "bundle" and least > 1)
        out = (least if exact else None) if join.op.word == "bundle" or (exact and least < 2) else 1
        return Size(total.nodes + nodes, total.layers + least, out)

    def parts(self, layer: Layer, env: Known, width: int | None) -> Iterator[tuple[Layer, Known, int | None]]:
        """The layers that a layer is made of, each with what is known in it and the number of values that it is applied to."""
        if layer.source:
            width = None
        match layer:
            case JoinUse():
                yield from ((item.layer, env, width) for item in layer.branches)
            case Chain():
                for item in layer.items:
                    yield item.layer, env, width
                    width = self.size(item.layer, env, width).width
            case BlockUse():
                yield self.block(layer).body, self.inside(layer, env), width
            case ArgumentUse() if isinstance(env.names.get(layer.name), Written):
                written = env.names[layer.name]
                yield written.layer, written.env, width
            case Turns(word="nest", core=Layer() as core):
                yield core, env, None
            case Turns():
                yield layer.body, self.without(env, layer.index), 1 if layer.word == "each" else width

    def block(self, use: BlockUse) -> Block:
        return self.program.blocks[use.block]

    def turns(self, turns: Turns, env: Known, width: int | None) -> Size:
        if turns.word == "nest":
            return self.nest(turns, env)
        if turns.word == "each":
            count, width = 1 if width is None else width, None if width is None else 1
        else:
            count = self.times(turns, env)
        inside = self.without(env, turns.index)
        if turns.word == "repeat":
            return self.repeat(turns.body, inside, count, width)
        if count == 0:
            return Size(0, 1, 0 if turns.word == "each" else None)
        one = self.size(turns.body, inside, 1 if turns.word == "each" else width)
        every = one.times(count).also(Size(0, count))
        known = one.width is not None and (turns.word == "copies" or width is not None)
        return every._replace(width=count * (one.width or 0) if known else None)

    def times(self, turns: Turns, env: Known) -> int:
        times = self.value(turns.times, env.names)
        return max(0, times) if isinstance(times, int) and not isinstance(times, bool) else 0

    def repeat(self, body: Layer, env: Known, count: int, width: int | None) -> Size:
        """So many turns in series; from where the number of values stays the same, all turns are alike."""
        total = Size(0, 1, width)
        for turn in range(min(count, _TURNS)):
            size = self.size(body, env, total.width)
            if size.width == total.width:
                return total.also(size.times(count - turn)).also(Size(0, count - turn, size.width))
            total = total.also(Size(0, 1)).also(size)
            if self.exceeds(total):
                return total
        if count <= _TURNS:
            return total if count else Size(0, 1)
        return total.also(self.size(body, env, None).times(count - _TURNS))._replace(width=None)

    def nest(self, turns: Turns, env: Known) -> Size:
        assert turns.core is not None
        level = self.size(turns.core, env, None)._replace(width=None)
        inner = self.without(env, turns.index)
        for _ in range(min(self.times(turns, env), self.limits.nesting)):
            around = self.env({**inner.own, "core": level})
            level = self.size(turns.body, around, None)._replace(width=None)
            if self.exceeds(level):
                break
        return level

    # -- what is known --------------------------------------------------------------------------------------------

    def env(self, own: dict[str, Any]) -> Known:
        """The environment of these names and the document's; equal ones are one."""
        key = tuple(
            (name, (id(value.layer), value.env.id) if isinstance(value, Written) else value)
            for name, value in own.items()
        )
        self.budget.charge("sizing", 1 + len(key))
        found = self.envs.get(key)
        if found is None:
            found = self.envs[key] = Known(1 + len(self.envs), own, ChainMap(own, self.document.own))
        return found

    def without(self, env: Known, index: str | None) -> Known:
        """The environment in a turn, whose number is not known."""
        return env if index is None else self.env({**env.own, index: UNKNOWN_NUMBER})

    def inside(self, use: BlockUse, env: Known) -> Known:
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

    def use_in(self, layer: Layer, env: Known) -> Use | None:
        """The use of a block that the parts of a layer are in."""
        if not isinstance(layer, BlockUse):
            return self.use
        shown = {name: value for name, value in self.inside(layer, env).own.items() if _is_shown(value)}
        return Use(layer.block, shown, layer.span, self.use)

    def bound(self, value: Tree | Layer | None, names: Mapping[str, Any], around: Callable[[], Known]) -> Any:
        """What an argument is; `around` gives the environment that a layer is kept with."""
        if not isinstance(value, Layer):
            return self.value(value, names)
        return Written(value, around()) if "layer" in self.known else UNKNOWN_NUMBER

    def value(self, tree: Tree | None, names: Mapping[str, Any]) -> Any:
        """The value of an argument, or `UNKNOWN_NUMBER`."""
        if tree is None or "number" not in self.known:
            return UNKNOWN_NUMBER
        try:
            return evaluate(tree, names, NO_VALUE, None)
        except LimitError:
            raise
        except (SpecError, UnknownError):
            return UNKNOWN_NUMBER


def _is_shown(value: Any) -> bool:
    return value is not UNKNOWN_NUMBER and not isinstance(value, Written)
