"""Lists the work of each node by kind, as exact integers; `Convention.count` makes the numbers of other tools of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

from archspec.analysis.conventions import Convention
from archspec.analysis.work_kinds import MACS
from archspec.ir.graph import Graph, Node
from archspec.ops.base import Call

Work = Counter[str]
"""The amount of each kind of work, for one sample; `archspec.analysis.work_kinds.KINDS` explains them."""

_MODULE = re.compile(r"torch\.nn\.(\w+?)(?:([123])d)?")


def count_work(graph: Graph) -> Work:
    """The work of a network, by kind.

    >>> import archspec
    >>> work = count_work(archspec.load("resnet50").graph)
    >>> work["conv"], work["linear"], work["batchnorm"], work["global pool inputs"]
    (4087136256, 2048000, 11113984, 100352)
    """
    total = Work()
    for node in graph.ops:
        total.update(list_work(node))
    return total


def count_nodes(graph: Graph, convention: Convention) -> Iterator[tuple[int, int]]:
    """Yields the id of each node that computes, with its number by a convention.

    >>> import archspec
    >>> from archspec.analysis.conventions import find_convention
    >>> next(count_nodes(archspec.load("resnet50").graph, find_convention("macs")))
    (1, 118013952)
    """
    times = convention.multiple_of_macs
    for node in graph.ops:
        yield node.id, convention.count(list_work(node)) if times is None else times * node.macs


def count_regions(graph: Graph, convention: Convention) -> tuple[dict[int, int], list[int]]:
    """The number of each node by its id, and that of each region by its id, by a convention; region 0 is the network.

    >>> import archspec
    >>> from archspec.analysis.conventions import find_convention
    >>> _, regions = count_regions(archspec.load("resnet50").graph, find_convention("pycls"))
    >>> regions[0]
    4089185256
    """
    nodes, regions = dict(count_nodes(graph, convention)), [0] * len(graph.regions)
    for node in graph.ops:
        regions[node.region] += nodes[node.id]
    for region in reversed(graph.regions):
        if region.parent is not None:
            regions[region.parent] += regions[region.id]
    return nodes, regions


def list_work(node: Node) -> Work:
    """The work of one node, by kind, as far as some tool counts it.

    The kinds are those of the modules of torch that a node becomes, which is what tools look at.

    >>> import archspec
    >>> dict(list_work(next(archspec.load("alexnet").graph.ops)))
    {'conv': 70276800, 'conv bias': 193600, 'conv outputs': 193600}
    """
    work, macs = Work(), node.macs
    for call in node.op.lower(*node.input_shapes):
        module = _MODULE.fullmatch(call.target)
        if module and module[1] in _MODULES:
            work.update(dict(_MODULES[module[1]](node, call, int(module[2] or 0))))
    counted = sum(work[kind] for kind in MACS)
    if macs > counted:
        scores = node.op.score_macs(node.input_shapes, node.output_shapes)
        products = macs - counted - scores
        work.update({"score": scores, "matmul": products, "linear outputs": _written(node) if products else 0})
    return +work


def _read(node: Node) -> int:
    return node.inputs[0].shape.numel


def _written(node: Node) -> int:
    return sum(shape.numel for shape in node.output_shapes)


Amounts = Iterator[tuple[str, int]]


def _list_conv(node: Node, _: Call, __: int) -> Amounts:
    yield "conv", node.macs
    yield "conv bias", node.op.bias_additions(node.input_shapes, node.output_shapes)
    yield "conv outputs", _written(node)


def _list_transposed(node: Node, call: Call, _: int) -> Amounts:
    yield "transposed conv", node.macs
    yield "conv bias", node.op.bias_additions(node.input_shapes, node.output_shapes)
    yield "conv outputs", _written(node)
    read, written = node.inputs[0].shape, node.outputs[0].shape
    kernel = node.macs * call.options.get("groups", 1) // (read.numel * written.channels)
    yield "transposed conv, by its outputs", written.numel * (read.channels // call.options.get("groups", 1)) * kernel


def _list_linear(node: Node, _: Call, __: int) -> Amounts:
    yield "linear", node.macs
    yield "linear bias", node.op.bias_additions(node.input_shapes, node.output_shapes)
    yield "linear outputs", _written(node)


def _list_attention(node: Node, call: Call, _: int) -> Amounts:
    scores = node.op.score_macs(node.input_shapes, node.output_shapes)
    yield "projection", node.macs - scores
    yield "score", scores
    yield "projection bias", node.op.bias_additions(node.input_shapes, node.output_shapes)
    yield "projection outputs", (node.macs - scores) // call.options["embed_dim"]


def _list_norm(kind: str, affine: str, *, default: bool) -> Callable[[Node, Call, int], Amounts]:
    def list_norm(node: Node, call: Call, _: int) -> Amounts:
        untracked = kind == "batchnorm" and not call.options.get("track_running_stats", True)
        name = "instancenorm" if untracked else kind
        yield name if call.options.get(affine, default) else f"plain {name}", _read(node)

    return list_norm


def _list_activation(kind: str) -> Callable[[Node, Call, int], Amounts]:
    def list_activation(node: Node, _: Call, __: int) -> Amounts:
        yield kind, _read(node)

    return list_activation


def _list_softmax(node: Node, call: Call, _: int) -> Amounts:
    shape = node.inputs[0].shape
    yield "softmax", shape.numel
    yield "softmax sums", shape.numel // shape.sizes[call.options["dim"] - (1 if shape.batched else 0)]


def _list_avgpool(node: Node, _: Call, __: int) -> Amounts:
    yield "avgpool inputs", _read(node)
    yield "avgpool outputs", _written(node)


def _list_adaptive(node: Node, _: Call, rank: int) -> Amounts:
    yield "global pool inputs" if rank == 2 else "other global pool inputs", _read(node)
    yield "global pool outputs", _written(node)


def _list_upsampling(node: Node, call: Call, _: int) -> Amounts:
    mode, size, rank = call.options.get("mode", "nearest"), call.options.get("size"), node.inputs[0].shape.rank - 1
    yield f"{'other ' * (mode == 'nearest' and rank != 2)}{mode} upsampling", _written(node)
    if size is None:
        yield "upsampling by a factor", _written(node)
    else:
        yield "places of an upsampling to a size", size if isinstance(size, int) else math.prod(size)


_MODULES: dict[str, Callable[[Node, Call, int], Amounts]] = {
    "Conv": _list_conv,
    "ConvTranspose": _list_transposed,
    "Linear": _list_linear,
    "MultiheadAttention": _list_attention,
    "BatchNorm": _list_norm("batchnorm", "affine", default=True),
    "InstanceNorm": _list_norm("instancenorm", "affine", default=False),
    "GroupNorm": _list_norm("groupnorm", "affine", default=True),
    "LayerNorm": _list_norm("layernorm", "elementwise_affine", default=True),
    **{name: _list_activation(name.lower()) for name in ("ReLU", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU")},
    "Softmax": _list_softmax,
    "MaxPool": _list_activation("maxpool inputs"),
    "AvgPool": _list_avgpool,
    "AdaptiveAvgPool": _list_adaptive,
    "AdaptiveMaxPool": _list_activation("global maxpool inputs"),
    "Upsample": _list_upsampling,
}
"""What is listed of each module of torch, by its name without the number of axes."""
