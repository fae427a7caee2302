"""Rewrites dense connectivity: a layer that concatenates all values before it becomes one that concatenates its input and what it adds."""

from __future__ import annotations

from archspec.recording.draft import Draft, DraftNode, DraftValue
from archspec.recording.trace import Path


def fold_dense_concats(draft: Draft) -> None:
    """Rewrites concatenations of the same values: `concat(a, b, c)` is `concat(concat(a, b), c)` where that is computed.

    Those that read only values from outside their module move out of it, and `concat(u, M(u))` moves into the module M, if M reads
    only u.
    """
    dense = _share_prefixes(draft)
    for node in dense:
        _move_out(draft, node)
    for node in dense:
        _move_into_layer(draft, node)


def _share_prefixes(draft: Draft) -> list[DraftNode]:
    """Makes each concatenation one of an earlier one and what is new; returns those of such a chain."""
    known: dict[tuple[object, ...], DraftValue] = {}
    chain: dict[int, DraftNode] = {}
    for node in list(draft.nodes):
        if node.word != "concat":
            continue
        parts = tuple(map(id, node.inputs))
        key = (node.op, *parts)
        if key in known:
            draft.replace_value(node.outputs[0], known[key])
            draft.set_inputs(node, [])
            draft.nodes.remove(node)
            continue
        for end in range(len(parts) - 1, 1, -1):
            before = known.get((node.op, *parts[:end]))
            if before is not None and before.node is not None:
                draft.set_inputs(node, [before, *node.inputs[end:]])
                chain |= {id(before.node): before.node, id(node): node}
                break
        known[key] = node.outputs[0]
    return list(chain.values())


def _move_out(draft: Draft, node: DraftNode) -> None:
    """Moves a concatenation in front of each module around it from which it reads nothing."""
    while node.scope and not any(_is_inside(value.node, node.scope) for value in node.inputs):
        inside = [other for other in draft.nodes if _is_inside(other, node.scope)]
        node_scope = node.scope
        node.scope = node_scope[:-1]
        first = draft.nodes.index(inside[0])
        if first < draft.nodes.index(node):
            draft.nodes.remove(node)
            draft.nodes.insert(first, node)


def _move_into_layer(draft: Draft, node: DraftNode) -> None:
    """Moves `concat(u, M(u))` into the module M, if M reads only u and nothing else reads M(u)."""
    before, *new = node.inputs
    maker = new[0].node if len(new) == 1 else None
    if maker is None or not draft.is_private(new[0]):
        return
    layer = _find_layer(maker, node.scope)
    members = [other for other in draft.nodes if _is_inside(other, layer)] if layer is not None else []
    entering = {id(value) for other in members for value in other.inputs if not _is_inside(value.node, layer or ())}
    if layer is None or entering != {id(before)}:
        return
    node.scope = layer
    draft.nodes.remove(node)
    draft.nodes.insert(draft.nodes.index(members[-1]) + 1, node)


def _is_inside(node: DraftNode | None, scope: Path) -> bool:
    if node is None:
        return False
    path = node.path[:-1] if node.path is not None else node.scope
    return path[: len(scope)] == scope


def _find_layer(node: DraftNode, scope: Path) -> Path | None:
    """The outermost module inside a scope that makes the value of a node."""
    path = node.path[:-1] if node.path is not None else node.scope
    if path[: len(scope)] != scope or len(path) == len(scope):
        return None
    return path[: len(scope) + 1]
