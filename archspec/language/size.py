"""How large a network will be at least, found out before it is made: what multiplies is counted once and multiplied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from archspec.diagnostics import Diagnostic, SpecError, Use
from archspec.language.layers import ArgumentUse, BlockUse, Chain, JoinUse, Layer, OpUse, Program, Turns
from archspec.language.limits import Limits
from archspec.language.tree import Tree
from archspec.language.values import NO_VALUE, evaluate

MORE_NODES = "if it is meant to be that large, raise the limit: --max-nodes, or Limits(nodes=…)"
_MOST_COUNTS = 20_000


class Size(NamedTuple):
    """At least so many nodes, and so many layers applied to make them."""

    nodes: int
    layers: int

    def __add__(self, other: Size) -> Size:  # type: ignore[override]
        return Size(self.nodes + other.nodes, self.layers + other.layers)

    def times(self, count: int) -> Size:
        return Size(self.nodes * count, self.layers * count)


@dataclass(frozen=True, eq=False, slots=True)
class _Env:
    """The arguments that are known at one place."""

    id: int
    names: Mapping[str, Any]
    use: Use | None


@dataclass(frozen=True, eq=False, slots=True)
class _Written:
    """A layer that was handed in, with what was known where it was written."""

    layer: Layer
    env: _Env


def check_size(program: Program, limits: Limits) -> None:
    """Raises `SpecError` where the network would surely exceed a limit, at the layer that makes it so large."""
    for known in ({"number", "layer"}, {"layer"}, set[str]()):
        try:
            _Counter(program, limits, known).check()
        except _TooManyError:
            continue  # so many cases are told apart that counting them is too much: tell fewer
        return


class _TooManyError(Exception):
    """More places and arguments than it pays to count."""


class _Counter:
    def __init__(self, program: Program, limits: Limits, known: set[str]) -> None:
        self.program, self.limits, self.known = program, limits, known
        self.sizes: dict[tuple[int, int], Size] = {}
        self.envs: dict[Any, _Env] = {}
        self.level = 0
        self.document = self.env({}, None)

    def check(self) -> None:
        names: dict[str, Any] = {}
        for name, parameter in self.program.parameters.items():
            self.bind(names, name, parameter.default, self.env(names, None))
        self.document = self.env(names, None)
        self.search(self.program.stages, self.document)

    def search(self, layer: Layer, env: _Env) -> None:
        """Looks for the innermost layer that alone is too large."""
        if not self.exceeds(self.size(layer, env)):
            return
        while True:
            inner = [(part, around) for part, around in self.parts(layer, env) if self.exceeds(self.size(part, around))]
            if len(inner) != 1:
                self.fail(layer, env)
            layer, env = inner[0]

    def exceeds(self, size: Size) -> bool:
        return size.nodes > self.limits.nodes or size.layers > self.limits.layers

    def fail(self, layer: Layer, env: _Env) -> None:
        nodes = self.size(layer, env).nodes > self.limits.nodes
        message = (
            f"the network would have more than {self.limits.nodes:,} nodes"
            if nodes
            else f"the network would take more than {self.limits.layers:,} layers, identities counted"
        )
        raise SpecError(Diagnostic(message, layer.span, use=env.use, help=MORE_NODES if nodes else None))

    # -- sizes ----------------------------------------------------------------------------------------------------

    def size(self, layer: Layer, env: _Env) -> Size:
        key = (id(layer), env.id)
        found = self.sizes.get(key)
        if found is None:
            if len(self.sizes) > _MOST_COUNTS:
                raise _TooManyError
            self.level += 1
            if self.level > 2 * self.limits.nesting:  # a block's use and its layers are two levels here
                message = f"more than {self.limits.nesting} layers inside one another"
                raise SpecError(Diagnostic(message, layer.span, use=env.use))
            found = self.sizes[key] = self.counted(layer, env)
            self.level -= 1
        return found

    def counted(self, layer: Layer, env: _Env) -> Size:
        if isinstance(layer, Turns):
            return self.turns(layer, env)
        if isinstance(layer, ArgumentUse) and isinstance(env.names.get(layer.name), Size):
            return env.names[layer.name] + Size(0, 1)  # type: ignore[no-any-return]
        total = Size(self.own(layer), 1)
        for part, around in self.parts(layer, env):
            total += self.size(part, around)
        return total

    def own(self, layer: Layer) -> int:
        """The nodes of a layer itself."""
        if isinstance(layer, JoinUse):
            return int(
                layer.op.word != "bundle" and sum(not isinstance(one.layer, Turns) for one in layer.branches) > 1
            )
        return int(isinstance(layer, OpUse) and layer.op.word != "identity")

    def parts(self, layer: Layer, env: _Env) -> Iterator[tuple[Layer, _Env]]:
        """The layers that a layer is made of, each with what is known in it."""
        if isinstance(layer, JoinUse):
            yield from ((item.layer, env) for item in layer.branches)
        elif isinstance(layer, Chain):
            yield from ((item.layer, env) for item in layer.items)
        elif isinstance(layer, BlockUse):
            yield self.program.blocks[layer.block].body, self.inside(layer, env)
        elif isinstance(layer, ArgumentUse):
            written = env.names.get(layer.name)
            if isinstance(written, _Written):
                yield written.layer, written.env
        elif isinstance(layer, Turns) and layer.word == "nest" and layer.core is not None:
            yield layer.core, env
        elif isinstance(layer, Turns):
            yield layer.body, self.without(env, layer.index)

    def turns(self, turns: Turns, env: _Env) -> Size:
        if turns.word == "each":
            return self.size(turns.body, self.without(env, turns.index))
        times = self.value(turns.times, env)
        count = max(0, times) if isinstance(times, int) and not isinstance(times, bool) else 0
        if count == 0 and turns.word != "nest":
            return Size(0, 1)
        if turns.word != "nest":
            return self.size(turns.body, self.without(env, turns.index)).times(count) + Size(0, count)
        assert turns.core is not None
        level = self.size(turns.core, env)
        inner = self.without(env, turns.index)
        for _ in range(min(count, self.limits.nesting)):
            level = self.size(turns.body, self.env({**inner.names, "core": level}, env.use))
            if self.exceeds(level):
                break
        return level

    # -- what is known --------------------------------------------------------------------------------------------

    def env(self, names: Mapping[str, Any], use: Use | None) -> _Env:
        """The environment of these names; equal ones are one."""
        key = tuple(
            (name, (id(value.layer), value.env.id) if isinstance(value, _Written) else value)
            for name, value in names.items()
        )
        found = self.envs.get(key)
        if found is None:
            found = self.envs[key] = _Env(len(self.envs), dict(names), use)
        return found

    def without(self, env: _Env, index: str | None) -> _Env:
        if index is None or index not in env.names:
            return env
        return self.env({name: value for name, value in env.names.items() if name != index}, env.use)

    def inside(self, use: BlockUse, env: _Env) -> _Env:
        """The environment in a block: the document's arguments and its own."""
        names = dict(self.document.names)
        shown: dict[str, Any] = {}
        block = self.program.blocks[use.block]
        for name, parameter in block.parameters.items():
            given = use.arguments.get(name)
            around = env if given is not None else self.env(names, None)
            self.bind(names, name, parameter.default if given is None else given, around)
            if name in names and not isinstance(names[name], _Written):
                shown[name] = names[name]
        return self.env(names, Use(use.block, shown, use.span, env.use))

    def bind(self, names: dict[str, Any], name: str, value: Tree | Layer | None, env: _Env) -> None:
        names.pop(name, None)
        if isinstance(value, Layer):
            if "layer" in self.known:
                names[name] = _Written(value, env)
            return
        found = self.value(value, env)
        if found is not None:
            names[name] = found

    def value(self, tree: Tree | None, env: _Env) -> Any:
        """The value of an argument, or None where it is not known."""
        if tree is None or "number" not in self.known:
            return None
        try:
            return evaluate(tree, env.names, NO_VALUE, None)
        except SpecError:
            return None
