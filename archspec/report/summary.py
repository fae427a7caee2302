"""Summarises a network: a row for each part, with consecutive equal parts folded, and the totals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from archspec.analysis.conventions import find_convention
from archspec.analysis.counts import compute_counts, sum_costs
from archspec.analysis.expected_depth import expected_depth
from archspec.analysis.memory import estimate_memory
from archspec.analysis.training_choices import Optimizer, Precision
from archspec.analysis.training_cost import estimate_training_cost
from archspec.analysis.work import count_regions
from archspec.ir.graph import Graph, Input, Node, Region
from archspec.report.table import Row, Summary
from archspec.view.hierarchy import GraphPart, PartFacts, ScalarValue, build_hierarchy, relative_name, select_scalars
from archspec.view.labels import format_name_range, part_kind


def summarise_network(
    graph: Graph,
    depth: int | None = None,
    convention: str = "macs",
    training: Optimizer | None = None,
    precision: Precision = "32",
) -> Summary:
    """The summary of a network, for one sample.

    Args:
        graph: the network.
        depth: the levels of regions that are opened; a deeper region is one row with its sums. 1 shows only the stages, None everything.
        convention: the rule by which work is counted: macs, flops, pycls, fvcore, timm, thop or deepspeed.
        training: the optimiser for the cost of a training step, which is left out if None.
        precision: the precision of training: 32, bf16, fp16 or bf16-true.

    >>> import archspec
    >>> [row.label for row in summarise_network(archspec.load("resnet18").graph, depth=1).rows]
    ['input', 'conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4', 'avgpool', 'fc']
    """
    total, rule = compute_counts(graph), find_convention(convention)
    work = count_regions(graph, rule)
    return Summary(
        graph.name,
        tuple(_iter_rows(graph, depth, work)),
        total.params,
        total.buffers,
        total.macs,
        sum_costs(graph).acts,
        total.depth,
        expected_depth(graph),
        estimate_memory(graph),
        rule,
        work[1][0],
        estimate_training_cost(graph, training, precision) if training else None,
    )


Work = tuple[dict[int, int], list[int]]
"""The work of each node that computes and of each region, by their ids."""


def _iter_rows(graph: Graph, depth: int | None, work: Work) -> Iterator[Row]:
    members = build_hierarchy(graph).members
    waiting = [_group_members(members[0], graph.regions[0], 0, work)]
    while waiting:
        for equal, row in waiting[-1]:
            yield row
            part = equal[0].part
            if isinstance(part, Region) and (depth is None or row.level + 1 < depth):
                waiting.append(_group_members(members[part.id], part, row.level + 1, work))
                break
        else:
            waiting.pop()


def _group_members(
    members: list[PartFacts], around: Region, level: int, work: Work
) -> Iterator[tuple[list[PartFacts], Row]]:
    for _, group in groupby(members, key=lambda facts: facts.structure_id):
        equal = list(group)
        yield equal, _make_row(equal, around, level, work)


def _make_row(equal: list[PartFacts], around: Region, level: int, work: Work) -> Row:
    first, last = equal[0], equal[-1]
    return Row(
        name=first.part.name,
        last=last.part.name,
        label=format_name_range(relative_name(first.part, around), relative_name(last.part, around)),
        level=level,
        kind=part_kind(first.part),
        arguments=_shown_arguments(first.part),
        first=first.part.op.first if isinstance(first.part, Node) else None,
        output=tuple(value.shape.sizes for value in first.output),
        params=first.cost.params,
        buffers=first.cost.buffers,
        macs=first.cost.macs,
        work=_find_work(first.part, work),
        acts=first.cost.acts,
        memory=first.cost.memory,
        receptive_field=last.receptive_field,
        times=len(equal),
        reuses_weights=first.reuses_weights,
    )


def _find_work(part: GraphPart, work: Work) -> int:
    nodes, regions = work
    return regions[part.id] if isinstance(part, Region) else nodes.get(part.id, 0)


def _shown_arguments(part: GraphPart) -> dict[str, ScalarValue | list[ScalarValue]]:
    if isinstance(part, Input):
        return {}
    return select_scalars(part.op.arguments() if isinstance(part, Node) else part.arguments)
