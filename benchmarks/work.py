"""The cost of a unit of work, and the size of a network that the default budget allows."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator

import archspec
from archspec import Budget, Limits
from archspec.ir.graph import Graph, Input, Node, Value
from archspec.spans import Source
from archspec.spec.runtime import pause_garbage_collection
from benchmarks.page import Section, Table
from tests import laborious

ABOUT = """
The compiler counts its work in units that are the same on every machine, and ends where a budget of them is spent (`Limits`). Here is
what they cost on this one. *Beyond the graph* is what it takes more to build a network from a loaded spec than to make the same graph of
nodes and values that are known: time (of the processor, the best of three) and the most memory that is held beside the graph that
stays. *Units* are those of the whole run, from the text on.

The second table has specs that were made to take much work, at the default budget of 2,000,000 units; each ends in the diagnostic that
says so.
"""

AIM_SECONDS, AIM_BYTES = 10e-6, 400
"""The aims for each node, without the graph itself."""

KINDS = {
    "turns of an add and a relu, a scope each": ("{repeat: {times: %d, layers: [add: [identity, relu]]}}", 2),
    "residual units of a block with arguments": ("{repeat: {times: %d, name: unit, layers: [unit: 4]}}", 7),
}
BLOCKS = """blocks:
  unit:
    args: {width: int, stride: 1}
    layers:
      - add:
          - layers:
              conv1: {conv: {out: width, kernel: 3, stride: stride, padding: 1}}
              bn1: batchnorm
              relu: relu
              conv2: {conv: {out: width, kernel: 3, padding: same}}
              bn2: batchnorm
          - identity
      - relu
"""
CASES = (
    "arguments in many uses",
    "a list that is handed down",
    "long numbers in every turn",
    "a bundle joined in turns",
    "a name that is far away",
    "turns of identities",
    "layers that lead nowhere",
    "a pass of many",
    "counts of many nodes",
)


def measure(quick: bool) -> Iterator[Table]:
    sizes = (100, 300) if quick else (10_000, 100_000, 300_000)
    columns = ("network", "nodes", "units a node", "µs a node", "beyond the graph", "aim", "met", "bytes a node", "beyond the graph", "aim", "met")  # fmt: skip
    yield Table(columns, [line(kind, size) for kind in KINDS for size in sizes], "Networks from 10⁴ nodes on:")
    texts = dict(laborious.cases(500 if quick else 1))
    limits = Limits(work=3000) if quick else Limits()
    rows = [case(name, texts[name], limits) for name in CASES]
    yield Table(("spec", "units", "seconds", "µs a unit"), rows, "Specs that spend the whole budget:")


def line(kind: str, size: int) -> tuple[str, ...]:
    """The costs of each node of one network."""
    layers, nodes = KINDS[kind]
    text = f"name: large\ninput: [4, 8, 8]\n{BLOCKS}stages:\n  one: {layers % (size // nodes)}\n"
    budget = Budget(Limits(nodes=size + 1))

    def load() -> Graph:
        return archspec.load(text, limits=Limits(nodes=size + 1)).graph

    count, alone = graph_alone(archspec.load(text, limits=budget).graph)
    whole = best(load)
    most, kept = memory(load)
    seconds, held = (whole - alone) / count, (most - kept) / count
    print(kind, count, budget.units, whole, alone, most, kept, flush=True)
    return (
        kind,
        f"{count:,}",
        f"{budget.units / count:.1f}",
        f"{1e6 * whole / count:.1f}",
        f"{1e6 * seconds:.1f}",
        f"≤ {1e6 * AIM_SECONDS:g}",
        "yes" if seconds <= AIM_SECONDS else "no",
        f"{most / count:,.0f}",
        f"{held:,.0f}",
        f"≤ {AIM_BYTES}",
        "yes" if held <= AIM_BYTES else "no",
    )


def graph_alone(graph: Graph) -> tuple[int, float]:
    """The number of nodes of a graph, and the seconds to copy it."""
    with pause_garbage_collection():  # as in loading a spec
        return len(graph.nodes), best(lambda: copied(graph))


def copied(graph: Graph) -> Graph:
    """A copy of a graph, with known shapes."""
    new = Graph(graph.name)
    values: dict[Value, Value] = {}
    for region in graph.regions[1:]:
        new.add_region(region.path, region.kind, region.arguments, region.span, region.parent or 0)
    for node in graph.nodes:
        if isinstance(node, Input):
            values[node.outputs[0]] = new.add_input(node.name, node.outputs[0].shape)
        else:
            made = placed(new, node, tuple([values[value] for value in node.inputs]))
            values.update(zip(node.outputs, made, strict=True))
    return new


def placed(graph: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    return graph.add_shaped_node(
        node.op, inputs, node.output_shapes, node.path, region=node.region, span=node.span, use=node.use
    )


def best(work: Callable[[], object]) -> float:
    """Processor seconds, the best of three."""
    return min(seconds(work) for _ in range(3))


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def memory(work: Callable[[], object]) -> tuple[int, int]:
    """The peak bytes while an object is made, and the bytes of the result."""
    gc.collect()
    tracemalloc.start()
    try:
        made = work()
        most = tracemalloc.get_traced_memory()[1]
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
        del made
    finally:
        tracemalloc.stop()
    return most, kept


def case(name: str, text: str, limits: Limits) -> tuple[str, ...]:
    """The line for the time in which a spec spends a budget."""
    budget = Budget(limits)
    took = seconds(lambda: archspec.check(Source(f"{name}.yaml", text), limits=budget))
    units = min(budget.units, budget.most)
    print(name, units, took, flush=True)
    return name, f"{units:,}", f"{took:.2f}", f"{1e6 * took / units:.2f}"


SECTION = Section("work", "Units of work", ABOUT, measure, ())
