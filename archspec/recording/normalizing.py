"""Rewrites a draft to what a person would have written: pools, sums, channel shuffles, constants beside what they are combined with."""

from __future__ import annotations

import math
from fractions import Fraction

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from archspec.ops.base import Op, ShapeError
from archspec.recording.dense import fold_dense_concats
from archspec.recording.draft import Draft, DraftNode, DraftValue
from archspec.recording.moving import move_constants
from archspec.recording.windowing import write_unwindows

_DENOMINATOR = 10_000  # of a number that is taken for a fraction
_ULPS = 4  # units in the last place by which a rate may differ from it


def normalize_draft(draft: Draft) -> None:
    """Rewrites a draft, in a fixed order of rules."""
    draft.remove_unused()
    for rewrite in (
        fold_global_pools,
        fold_joins,
        fold_dense_concats,
        fold_permuted_norms,
        write_same_padding,
        write_heads,
        fold_scales,
        fold_transposed_products,
        fold_permuted_attention,
        write_unwindows,
        move_constants,
        write_fractions,
    ):
        rewrite(draft)
    draft.remove_unused()


def fold_global_pools(draft: Draft) -> None:
    """A pool to one place that is flattened is a global pool."""
    for node in draft.nodes:
        pool = node.inputs[0].node if node.inputs else None
        if node.word != "flatten" or node.op.lift() or pool is None or pool.word != "adaptivepool":
            continue
        if set(pool.outputs[0].shape.spatial) == {1} and draft.is_private(pool.outputs[0]):
            pool.op = BY_WORD["globalpool"].model_validate({"kind": pool.op.lift().get("kind", "avg")})
            pool.outputs[0].shape = node.outputs[0].shape
            draft.set_inputs(node, [])
            draft.replace_value(node.outputs[0], pool.outputs[0])
    draft.nodes = [node for node in draft.nodes if node.inputs or node.word != "flatten"]


def fold_joins(draft: Draft) -> None:
    """A sum of a sum and a value is one sum, and so are concatenations, where nothing else reads the first."""
    gone: set[int] = set()
    for node in draft.nodes:
        first = node.inputs[0].node if node.inputs else None
        if node.word not in {"add", "concat"} or first is None or first.op != node.op or first.scope != node.scope:
            continue
        if (
            draft.is_private(node.inputs[0])
            and first.outputs[0].shape.names == node.outputs[0].shape.names
            and _folds(first, node)
        ):
            rest = node.inputs[1:]
            gone.add(id(first))
            operands = list(first.inputs)
            draft.set_inputs(first, [])
            draft.set_inputs(node, [*operands, *rest])
    draft.nodes = [node for node in draft.nodes if id(node) not in gone]


def _folds(first: DraftNode, node: DraftNode) -> bool:
    """Whether the operands of both joins have one shape, so that none is broadcast in another order."""
    shapes = [value.shape for value in (*first.inputs, *node.inputs[1:])]
    return node.word == "concat" or all(shape == shapes[0] for shape in shapes)


def write_fractions(draft: Draft) -> None:
    """A rate of dropout that is a fraction up to the rounding of its computation is that fraction: 0.2 * 6 / 16 is 0.075."""
    for node in draft.nodes:
        rate = getattr(node.op, "p", None)
        if node.word in {"dropout", "droppath"} and isinstance(rate, float):
            exact = float(Fraction(rate).limit_denominator(_DENOMINATOR))
            if exact != rate and abs(exact - rate) <= _ULPS * math.ulp(rate):
                node.op = node.op.model_copy(update={"p": exact})


def fold_permuted_norms(draft: Draft) -> None:
    """A layer normalisation of the channels between a permutation that moves them to the end and its inverse is one of the channels."""
    for node in draft.nodes:
        norm = node.inputs[0].node if node.word == "permute" else None
        turn = norm.inputs[0].node if norm is not None and norm.word in {"layernorm", "rmsnorm"} else None
        if norm is None or turn is None or turn.word != "permute" or "axes" in norm.op.lift():
            continue
        source = turn.inputs[0]
        private = draft.is_private(norm.outputs[0]) and draft.is_private(turn.outputs[0])
        if private and source.shape == node.outputs[0].shape and None not in source.shape.names:
            draft.set_inputs(norm, [source])
            norm.outputs[0].shape = source.shape
            draft.set_inputs(node, [])
            draft.replace_value(node.outputs[0], norm.outputs[0])
    draft.nodes = [node for node in draft.nodes if node.inputs or node.word != "permute"]
    draft.remove_unused()


def write_same_padding(draft: Draft) -> None:
    """The padding of a convolution that keeps the places, up to its stride, is `same`."""
    for node in draft.nodes:
        if node.word != "conv":
            continue
        fields = node.op.lift()
        kernel, gap, padding = (
            _spread(fields.get(name, default), node)
            for name, default in (("kernel", 1), ("dilation", 1), ("padding", 0))
        )
        if all(size % 2 and 2 * pad == step * (size - 1) for size, step, pad in zip(kernel, gap, padding, strict=True)):
            node.op = BY_WORD["conv"].model_validate({**fields, "padding": "same"}).specialised()


def _spread(value: int | list[int] | str, node: DraftNode) -> list[int]:
    rank = node.inputs[0].shape.rank - 1
    if isinstance(value, str):
        return [-1] * rank
    return value if isinstance(value, list) else [value] * rank


def write_heads(draft: Draft) -> None:
    """A reshape that splits the features of tokens into heads is `splitheads`, and one that merges them is `flatten: heads`."""
    for node in draft.nodes:
        if node.word not in {"reshape", "flatten"}:
            continue
        before, after = node.inputs[0].shape, node.outputs[0].shape
        split = (*before.sizes[:-1], *after.sizes[-2:]) == after.sizes and before.names[-1:] == ("features",)
        if node.word == "reshape" and split and after.names == (*before.names[:-1], "heads", "features"):
            node.op = BY_WORD["splitheads"].model_validate({"heads": after.sizes[-2]})
        merged = before.names[-2:] == ("heads", "features") and node.op.lift() == {"start": before.rank - 2}
        if node.word == "flatten" and merged:
            node.op = BY_WORD["flatten"].model_validate({"start": "heads"})


def fold_scales(draft: Draft) -> None:
    """A factor or a divisor whose result only a shift reads is one op with it."""
    for node in draft.nodes:
        before = node.inputs[0].node if node.word == "scale" else None
        if before is None or before.word != "scale" or not draft.is_private(node.inputs[0]):
            continue
        fields = before.op.lift()
        if "plus" not in fields and list(node.op.lift()) == ["plus"] and before.scope == node.scope:
            node.op = BY_WORD["scale"].model_validate({**fields, **node.op.lift()})
            draft.set_inputs(node, list(before.inputs))
    draft.remove_unused()


def fold_transposed_products(draft: Draft) -> None:
    """A product with a matrix whose two axes were swapped for it alone is one with its transpose."""
    for node in draft.nodes:
        turn = node.inputs[1].node if node.word == "matmul" else None
        if turn is None or turn.word != "permute" or node.op.lift() or not draft.is_private(turn.outputs[0]):
            continue
        source = turn.inputs[0]
        rank = source.shape.rank
        if source.shape.permuted((*range(rank - 2), rank - 1, rank - 2)) != turn.outputs[0].shape:
            continue
        op = BY_WORD["matmul"].model_validate({"transpose": True})
        if _infers(op, node, [node.inputs[0], source]):
            node.op = op
            draft.set_inputs(node, [node.inputs[0], source])
    draft.remove_unused()


def _infers(op: Op, node: DraftNode, inputs: list[DraftValue]) -> bool:
    """Whether an op of these operands makes the values that a node makes."""
    try:
        made = op.infer(*(value.shape for value in inputs))
    except ShapeError:
        return False
    return made == tuple(value.shape for value in node.outputs)


def fold_permuted_attention(draft: Draft) -> None:
    """Attention and rotary positions find their axes by name: permutations before and after them that undo each other are none."""
    for node in draft.nodes:
        if node.word not in {"sdpa", "rotary"}:
            continue
        inputs = [_find_unpermuted(draft, value) for value in node.inputs[:3]] + node.inputs[3:]
        back = node.outputs[0].users[0] if draft.is_private(node.outputs[0]) else None
        if inputs == node.inputs:
            continue
        made = _infer(node.op, inputs)
        if made == node.outputs[0].shape:
            draft.set_inputs(node, inputs)
        elif made is not None and back is not None and back.word == "permute" and back.outputs[0].shape == made:
            draft.set_inputs(node, inputs)
            node.outputs[0].shape = made
            draft.set_inputs(back, [])
            draft.replace_value(back.outputs[0], node.outputs[0])
            back.outputs = []
    draft.remove_unused()


def _infer(op: Op, inputs: list[DraftValue]) -> Shape | None:
    try:
        return op.infer(*(value.shape for value in inputs))[0]
    except ShapeError:
        return None


def _find_unpermuted(draft: Draft, value: DraftValue) -> DraftValue:
    """The value before a permutation of named axes that only one node reads."""
    turn = value.node
    named = turn is not None and turn.word == "permute" and None not in turn.inputs[0].shape.names
    return turn.inputs[0] if turn is not None and named and draft.is_private(value) else value
