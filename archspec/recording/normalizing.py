"""Rewrites a draft to what a person would have written: pools, sums, channel shuffles, constants beside what they are combined with."""

from __future__ import annotations

from archspec.ops import BY_WORD
from archspec.recording.draft import Draft, DraftNode, DraftValue


def normalize_draft(draft: Draft) -> None:
    """Rewrites a draft, in a fixed order of rules."""
    draft.remove_unused()
    for rewrite in (fold_global_pools, fold_joins, fold_channel_shuffles, write_same_padding, move_constants):
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
            node.inputs[0].users.remove(node)
            draft.replace_value(node.outputs[0], pool.outputs[0])
            node.inputs = []
    draft.nodes = [node for node in draft.nodes if node.inputs or node.word != "flatten"]


def fold_joins(draft: Draft) -> None:
    """A sum of a sum and a value is one sum, and so are concatenations, where nothing else reads the first."""
    gone: set[int] = set()
    for node in draft.nodes:
        first = node.inputs[0].node if node.inputs else None
        if node.word not in {"add", "concat"} or first is None or first.op != node.op or first.scope != node.scope:
            continue
        if draft.is_private(node.inputs[0]) and first.outputs[0].shape.names == node.outputs[0].shape.names and _folds(first, node):
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


def fold_channel_shuffles(draft: Draft) -> None:
    """A reshape to groups, a permutation and a reshape back are a channel shuffle."""
    for node in draft.nodes:
        turn = node.inputs[0].node if node.word in {"reshape", "flatten"} else None
        first = turn.inputs[0].node if turn is not None and turn.word == "permute" else None
        if turn is None or first is None or first.word != "reshape":
            continue
        image, split = first.inputs[0], first.outputs[0].shape.sizes
        swapped = turn.outputs[0].shape.sizes[:2] == (split[1], split[0]) and turn.outputs[0].shape.sizes[2:] == split[2:]
        whole = node.outputs[0].shape.sizes == image.shape.sizes and image.shape.sizes[1:] == split[2:]
        private = draft.is_private(turn.outputs[0]) and draft.is_private(first.outputs[0])
        if swapped and whole and private and image.shape.rank == 3 and _swaps_first(turn):
            turn.inputs[0].users.remove(turn)
            draft.set_inputs(node, [image])
            node.op = BY_WORD["channelshuffle"].model_validate({"groups": split[0]})
            node.outputs[0].shape = image.shape
    draft.remove_unused()


def _swaps_first(turn: DraftNode) -> bool:
    return list(turn.op.lift()["axes"][:2]) in ([1, 0], ["height", "channels"])


def write_same_padding(draft: Draft) -> None:
    """The padding of a convolution that keeps the places, up to its stride, is `same`."""
    for node in draft.nodes:
        if node.word != "conv":
            continue
        fields = node.op.lift()
        kernel, gap, padding = (_spread(fields.get(name, default), node) for name, default in (("kernel", 1), ("dilation", 1), ("padding", 0)))
        if all(size % 2 and 2 * pad == step * (size - 1) for size, step, pad in zip(kernel, gap, padding, strict=True)):
            node.op = BY_WORD["conv"].model_validate({**fields, "padding": "same"}).specialised()


def _spread(value: int | list[int] | str, node: DraftNode) -> list[int]:
    rank = node.inputs[0].shape.rank - 1
    if isinstance(value, str):
        return [-1] * rank
    return value if isinstance(value, list) else [value] * rank


def move_constants(draft: Draft) -> None:
    """Moves learned and fixed constants, which read only a batch, to the join that reads them, and lets them read its first operand."""
    for node in [node for node in draft.nodes if node.op.reads_batch]:
        chain = _follow(draft, node)
        user = chain[-1].outputs[0].users[0] if draft.is_private(chain[-1].outputs[0]) else None
        other = _find_other(user, chain[-1].outputs[0]) if user is not None else None
        if user is None or other is None:
            continue
        draft.set_inputs(node, [other])
        for own in chain:
            draft.nodes.remove(own)
            own.scope = user.scope
        place = draft.nodes.index(user)
        draft.nodes[place:place] = chain


def _follow(draft: Draft, node: DraftNode) -> list[DraftNode]:
    """A constant and the ops of one operand behind it."""
    chain = [node]
    while draft.is_private(chain[-1].outputs[0]):
        (user,) = chain[-1].outputs[0].users
        if len(user.inputs) > 1 or len(user.outputs) > 1 or user.op.join:
            break
        chain.append(user)
    return chain


def _find_other(user: DraftNode, value: DraftValue) -> DraftValue | None:
    """The first operand of a node besides one that depends on an input."""
    return next((own for own in user.inputs if own is not value and own.shape.batched), None)
