"""Enumerates the paths of a network, shortest first, and builds their tree (Veit et al. 2016, arXiv:1605.06431, Figure 1b)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from archspec.analysis.path_sums import LengthUnit
from archspec.analysis.paths import PathCounts
from archspec.errors import ArchspecError
from archspec.ir.graph import Graph, Input, Node, Value
from archspec.ir.signal_flow import list_signal_operands
from archspec.numerals import format_number

if TYPE_CHECKING:
    import networkx as nx


class TooManyPathsError(ArchspecError, ValueError):
    """Raised if a network has more paths than the limit of their tree.

    >>> import archspec
    >>> archspec.load("densenet169").unravel(limit=1000)
    Traceback (most recent call last):
        ...
    archspec.analysis.path_enumeration.TooManyPathsError: a tree of 4,835,703,278,458,516,698,824,704 paths is larger than the limit of 1,000
    """


class _State(NamedTuple):
    """A state of the search: a value, and the channel range of it that a path reaches."""

    node: int
    output: int
    channels: range


class _Move(NamedTuple):
    """One step of a path, or its start: the new state, the operand by which it enters the node, and the added length."""

    to: _State
    operand: int | None
    cost: int


@dataclass(frozen=True, slots=True)
class PathStep:
    """One node of a path: the operand by which the path enters it (None at the start), the output by which it leaves, and the channels.

    `cost` is the added length.

    >>> import archspec
    >>> path = next(archspec.load("cifar_resnet20_A").iter_paths())
    >>> path.steps[1].node.name, path.steps[1].operand, path.steps[1].channels
    ('conv1', 0, range(0, 16))
    """

    node: Node | Input
    operand: int | None
    output: int
    channels: range
    cost: int


@dataclass(frozen=True, eq=False, slots=True)
class SignalPath:
    """One path: its steps in order, and its length in `unit`.

    >>> import archspec
    >>> paths = archspec.load("cifar_resnet20_A").iter_paths()
    >>> [(path.length, path.counted_names) for path, _ in zip(paths, range(3))]
    [(0, ()), (1, ('stage3.2',)), (1, ('stage3.1',))]
    """

    graph: Graph
    unit: LengthUnit
    steps: tuple[PathStep, ...]

    @property
    def nodes(self) -> tuple[Node | Input, ...]:
        return tuple(step.node for step in self.steps)

    @property
    def length(self) -> int:
        return sum(step.cost for step in self.steps)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs and layers on it; the word of a layer without a name."""
        return tuple(_name_node(node) for node in self.nodes)

    @property
    def counted_names(self) -> tuple[str, ...]:
        """The units that its length counts: the modules whose residual branch it takes, or its weighted layers."""
        return tuple(_name_counted_unit(self.graph, step.node, self.unit) for step in self.steps if step.cost)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its weighted layers."""
        return tuple(_name_node(node) for node in self.nodes if isinstance(node, Node) and node.op.weighted)

    def as_dict(self) -> dict[str, object]:
        return {"length": self.length, "through": list(self.counted_names), "names": list(self.names)}


class _Link(NamedTuple):
    """The last step of an incomplete path, linked to the steps before it."""

    move: _Move
    length: int
    before: _Link | None


class _PathGraph:
    """The states that paths reach, with the steps between them; states from which no target is reachable are left out."""

    def __init__(self, paths: PathCounts) -> None:
        self.paths = paths
        self.targets: dict[tuple[int, int], int] = {}
        for value in paths.targets:
            key = (value.node, value.index)
            self.targets[key] = self.targets.get(key, 0) + 1
        self.starts: list[_Move] = []
        self.moves: dict[_State, list[_Move]] = {}
        self._by_value: dict[tuple[int, int], list[_State]] = {}
        for node in paths.graph.nodes:
            self._add_node(node)
        self.remaining = self._find_remaining_lengths()

    def _add_node(self, node: Node | Input) -> None:
        """Adds the states of a node, with the steps to them."""
        for output, value in enumerate(node.outputs):
            if value in self.paths.sources:
                self._add_move(None, _Move(_State(node.id, output, range(value.shape.channels)), None, 0))
            for operand in list_signal_operands(node, gates=self.paths.gates):
                assert isinstance(node, Node), "an input has no operands"
                self._add_moves(node, output, operand, node.inputs[operand])

    def _add_moves(self, node: Node, output: int, operand: int, read: Value) -> None:
        before: list[tuple[_State | None, range]] = [(state, state.channels) for state in self._states_of(read)]
        if (node.id, operand) in self.paths.entries:
            before.append((None, range(read.shape.channels)))
        cost = self.paths.cost(node, operand)
        for state, channels in before:
            reached = node.op.routes(operand, channels, node.input_shapes, node.output_shapes, output)
            if reached:
                self._add_move(state, _Move(_State(node.id, output, reached), operand, cost))

    def _add_move(self, before: _State | None, move: _Move) -> None:
        if move.to not in self.moves:
            self.moves[move.to] = []
            self._by_value.setdefault((move.to.node, move.to.output), []).append(move.to)
        (self.starts if before is None else self.moves[before]).append(move)

    def _states_of(self, value: Value) -> list[_State]:
        return self._by_value.get((value.node, value.index), [])

    def _find_remaining_lengths(self) -> dict[_State, int]:
        """The least length from each state to a target; states that reach none are missing."""
        remaining: dict[_State, int] = {}
        for state, moves in reversed(self.moves.items()):
            ends = [0] if (state.node, state.output) in self.targets else []
            fewest = min(
                [*ends, *(move.cost + remaining[move.to] for move in moves if move.to in remaining)], default=None
            )
            if fewest is not None:
                remaining[state] = fewest
        return remaining

    def moves_from(self, state: _State | None) -> Iterator[_Move]:
        """The steps from a state towards a target; the starts for None."""
        moves = self.starts if state is None else self.moves[state]
        return (move for move in moves if move.to in self.remaining)

    def count_ends(self, state: _State) -> int:
        """The number of targets at a state."""
        return self.targets.get((state.node, state.output), 0)


def iter_paths(paths: PathCounts) -> Iterator[SignalPath]:
    """Yields the paths, the shortest first, each once and without computing the others.

    This is a best-first search in which the least remaining length is known exactly, so that every partial path reaches a target.
    Memory grows with the number of paths yielded.

    >>> import archspec
    >>> sum(1 for _ in iter_paths(archspec.load("unet").paths()))
    5
    """
    path_graph = _PathGraph(paths)
    order = count(0, -1)
    heap: list[tuple[int, int, _Link, bool]] = []

    def push(link: _Link | None) -> None:
        length, state = (link.length, link.move.to) if link else (0, None)
        for move in reversed(list(path_graph.moves_from(state))):
            longer = length + move.cost
            heapq.heappush(
                heap, (longer + path_graph.remaining[move.to], next(order), _Link(move, longer, link), False)
            )
        for _ in range(path_graph.count_ends(state) if link and state else 0):
            assert link is not None, "a path that ends has begun"
            heapq.heappush(heap, (length, next(order), link, True))

    push(None)
    while heap:
        _, _, link, whole = heapq.heappop(heap)
        if whole:
            yield _build_path(paths, link)
        else:
            push(link)


def unravel_paths(paths: PathCounts, limit: int = 4096) -> nx.DiGraph[int]:
    """The paths as a forest (Veit et al. 2016, arXiv:1605.06431, Figure 1b) with a root for each value where paths start; paths share their
    common prefixes.

    A node is a number with the attributes `node` (the id of the network's node), `name`, `output`, `channels` (first and last),
    `length` (up to here) and `ends` (the number of paths that end there). An edge has the attribute `operand`, the position of the
    operand by which the path goes on.

    Raises:
        TooManyPathsError: there are more than `limit` paths.

    >>> import archspec
    >>> tree = unravel_paths(archspec.load("unet").paths())
    >>> sum(ends for _, ends in tree.nodes(data="ends"))
    5
    """
    if paths.total > limit:
        raise TooManyPathsError(f"a tree of {format_number(paths.total)} paths is larger than the limit of {limit:,}")
    import networkx as nx  # slow to import, and only needed here

    path_graph = _PathGraph(paths)
    tree: nx.DiGraph[int] = nx.DiGraph()
    pending: list[tuple[_Move, int, int | None]] = [
        (move, move.cost, None) for move in reversed(list(path_graph.moves_from(None)))
    ]
    while pending:
        move, length, above = pending.pop()
        number = tree.number_of_nodes()
        state = move.to
        node = paths.graph.nodes[state.node]
        tree.add_node(
            number,
            node=state.node,
            name=_name_node(node),
            output=state.output,
            channels=(state.channels[0], state.channels[-1]),
            length=length,
            ends=path_graph.count_ends(state),
        )
        if above is not None:
            tree.add_edge(above, number, operand=move.operand)
        pending += [(after, length + after.cost, number) for after in reversed(list(path_graph.moves_from(state)))]
    return tree


def _build_path(paths: PathCounts, link: _Link | None) -> SignalPath:
    steps: list[PathStep] = []
    while link is not None:
        state = link.move.to
        node = paths.graph.nodes[state.node]
        steps.append(PathStep(node, link.move.operand, state.output, state.channels, link.move.cost))
        link = link.before
    return SignalPath(paths.graph, paths.unit, tuple(reversed(steps)))


def _name_node(node: Node | Input) -> str:
    return node.name or node.op.word if isinstance(node, Node) else node.name


def _name_counted_unit(graph: Graph, node: Node | Input, unit: LengthUnit) -> str:
    """The name of a weighted layer, or of the block of a join."""
    if unit == "layers" or isinstance(node, Input) or node.path:
        return _name_node(node)
    return graph.regions[node.region].name or _name_node(node)
