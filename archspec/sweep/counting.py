"""Counts many variants of one document: it is read once, and each distinct use of a block is elaborated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

from archspec.errors import Collector, SpecError
from archspec.ir.graph import Graph, Node
from archspec.json_text import dump_json
from archspec.spec import bundled
from archspec.spec.bound_tree import ArgumentDef, Program
from archspec.spec.budget import Budget
from archspec.spec.compiler import compile_source
from archspec.spec.declarations import bind_document
from archspec.spec.extends import SpecLoader
from archspec.spec.flatten import flatten_document
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.networks import attach_networks
from archspec.spec.runtime import allow_deep_recursion, pause_garbage_collection
from archspec.spec.source_lookup import Spec, locate_source, make_override_source
from archspec.spec.stages import bind_argument, bind_program
from archspec.sweep.memo import BlockMemo, MemoElaborator, sum_node_costs, trace_block
from archspec.sweep.routes import ONE, Amount, BlockRoutes, Routes, trace_nodes
from archspec.sweep.sections import replace_parts, split_point

MOST_KNOWN = 4096
"""The most blocks, and values of arguments, that a counter keeps."""
MOST_VARIANTS = 64
"""The most documents with other blocks and stages that it keeps."""


@dataclass(frozen=True, slots=True)
class VariantCounts:
    """The exact counts of one variant, those of the `Architecture` that `archspec.load` makes of it.

    >>> counts = VariantCounter("cifar_resnet20_A").count(n=2)
    >>> counts.depth, counts.paths, counts.mean_length
    (14, 64, Fraction(3, 1))
    """

    params: int
    buffers: int
    macs: int
    acts: int
    memory: int
    depth: int
    paths: int
    mean_length: Fraction | None
    """The mean number of residual branches on a path; None if there is no path."""
    longest: int | None
    shortest: int | None
    structure: str
    """A hash, equal for networks that differ only in names and in the order of branches."""


class VariantCounter:
    """Counts variants of one spec, which differ in the values of its arguments.

    The counts are those of a full compilation; documents with passes, and variants with a mistake, are compiled in full.

    Args:
        spec: as for `archspec.load`.
        limits: the limits of the compilation of each variant.

    Raises:
        SpecError: the spec itself has errors.

    >>> counter = VariantCounter("resnet50")
    >>> counter.count(classes=10).params, counter.count(depth3=23).params
    (23528522, 44549160)
    """

    def __init__(self, spec: Spec, *, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self.source, self.path = locate_source(spec, limits)
        folder = self.path.parent if self.path is not None else None
        loader = SpecLoader(folder, bundled.find_bundled_spec, bundled.list_bundled_names, limits)
        with Budget(limits).running():
            document = loader.load(self.source, self.path)
        loader.errors.raise_if_any()
        assert document is not None
        attach_networks(document, loader, self.path, bind_document)
        self._document = document
        self.program = self._bind_document()
        self.memo = BlockMemo(self.program)
        self._variants: dict[str, VariantCounter] = {}
        self._arguments: dict[tuple[str, type, Any], ArgumentDef | None] = {}

    def count(self, **arguments: Any) -> VariantCounts:
        """The counts of the variant with these values of its arguments, given as for `archspec.load`, or of its blocks and stages.

        Raises:
            SpecError: the variant is not a network.

        >>> import archspec
        >>> VariantCounter("densenet121").count(growth=48).params == archspec.load("densenet121", growth=48).params
        True
        """
        arguments, parts = split_point(arguments)
        if parts:
            return self._find_variant(parts).count(**arguments)
        self._limit_memory()
        program = None if self.program.passes else self._override(arguments)
        if program is not None:
            try:
                return self._count_by_memo(program)
            except SpecError:
                pass  # the full compilation says why
        return self._count_in_full(arguments)

    def flatten(self) -> str:
        """The text of the spec with those that it extends.

        >>> "extends" in VariantCounter("resnet34").flatten()
        False
        """
        return flatten_document(self._document)

    def list_parts(self, kind: str) -> list[str]:
        """The names of its `arguments`, `blocks` or `stages`.

        >>> VariantCounter("cifar_resnet20_A").list_parts("stages")
        ['conv1', 'stem', 'stage1', 'stage2', 'stage3', 'head', 'avgpool', 'fc']
        """
        parts: Mapping[str, Mapping[str, object]] = {
            "arguments": self.program.parameters,
            "blocks": self.program.blocks,
            "stages": self._document.stages,
        }
        return list(parts[kind])

    def _find_variant(self, parts: Mapping[str, Any]) -> VariantCounter:
        """The counter of the document with other blocks and stages."""
        key = dump_json(sorted(parts.items()))
        if key not in self._variants:
            if len(self._variants) >= MOST_VARIANTS:
                self._variants.clear()
            self._variants[key] = VariantCounter(replace_parts(self.flatten(), parts), limits=self.limits)
        return self._variants[key]

    def _limit_memory(self) -> None:
        """Forgets all blocks and values once there are many. A layer is known by its identity, so that both must go together."""
        if max(len(self.memo.summaries), len(self._arguments)) > MOST_KNOWN:
            self.memo = BlockMemo(self.program)
            self._arguments.clear()

    def _bind_document(self) -> Program:
        budget = Budget(self.limits)
        with budget.running(), pause_garbage_collection():
            return bind_program(self._document, Collector(), budget=budget)

    def _override(self, arguments: Mapping[str, Any]) -> Program | None:
        """The program with other values of its arguments; None if one of them is wrong."""
        given = {}
        for name, value in arguments.items():
            parameter = self._bind_argument(name, value)
            if parameter is None:
                return None
            given[name] = parameter
        return self.program.override(given)

    def _bind_argument(self, name: str, value: Any) -> ArgumentDef | None:
        plain = isinstance(value, int | float | str)
        key = name, type(value), value if plain else make_override_source(name, value, self.limits).text
        if key not in self._arguments:
            budget, source = Budget(self.limits), make_override_source(name, value, self.limits)
            with budget.running():
                self._arguments[key] = bind_argument(self._document, self.program, name, source, budget)
        return self._arguments[key]

    def _count_by_memo(self, program: Program) -> VariantCounts:
        budget = Budget(self.limits)
        with budget.running(), pause_garbage_collection(), allow_deep_recursion(self.limits.nesting):
            elaborator = MemoElaborator(program, budget, self.memo)
            graph = elaborator.elaborate()
            counts = count_graph(graph)
        self.memo.summaries |= elaborator.found
        return counts

    def _count_in_full(self, arguments: Mapping[str, Any]) -> VariantCounts:
        _, graph, _, _ = compile_source(self.source, self.path, self.limits, arguments)
        return count_graph(graph)


def count_graph(graph: Graph) -> VariantCounts:
    """The counts of a graph, in which nodes may stand for known blocks.

    >>> import archspec
    >>> count_graph(archspec.load("resnet18").graph).params
    11689512
    """
    nodes = [node for node in graph.nodes if isinstance(node, Node)]
    first = len(graph.nodes) - len(nodes)
    cost = sum_node_costs(nodes)
    traced = trace_block(nodes, first, tuple(graph.inputs.values()), tuple(graph.outputs.values()))
    layers, modules = _sum_routes(graph, traced)
    return VariantCounts(
        params=cost.params,
        buffers=cost.buffers,
        macs=cost.macs,
        acts=cost.acts,
        memory=cost.memory,
        depth=layers.high if layers else 0,
        paths=modules.number if modules else 0,
        mean_length=Fraction(modules.total, modules.number) if modules else None,
        longest=modules.high if modules else None,
        shortest=modules.low if modules else None,
        structure=traced.structure,
    )


def _sum_routes(graph: Graph, traced: BlockRoutes) -> tuple[Amount | None, Amount | None]:
    """All routes from the inputs to the outputs of a network; None if there are none."""
    widths = [value.shape.channels for value in graph.inputs.values()]
    offsets = {(position, 0, width): 0 for position, width in enumerate(widths)}
    inputs = {
        position: {range(width): {(position, 0, width): Routes(ONE, ONE)}} for position, width in enumerate(widths)
    }
    reached = trace_nodes(traced.nodes, inputs, offsets)
    found = [
        routes
        for node, position in dict.fromkeys(traced.outputs)
        for by_origin in (inputs.get(position, {}) if node < 0 else reached[node][position]).values()
        for routes in by_origin.values()
    ]
    if not found:
        return None, None
    return reduce(Amount.merge, (routes.layers for routes in found)), reduce(
        Amount.merge, (routes.modules for routes in found)
    )
