"""Moves learned and fixed constants, which read only a batch, to where they are used."""

from __future__ import annotations

from archspec.recording.draft import Draft, DraftNode, DraftValue


def move_constants(draft: Draft) -> None:
    """Moves learned and fixed constants, which read only a batch, to the join that reads them, and lets them read its first operand."""
    for node in [node for node in draft.nodes if node.op.reads_batch]:
        chain = _follow(draft, node)
        user = chain[-1].outputs[0].users[0] if draft.is_private(chain[-1].outputs[0]) else None
        other = _find_other(user, chain[-1].outputs[0]) if user is not None else None
        if user is None or other is None:
            _read_entry(draft, node)
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


def _read_entry(draft: Draft, node: DraftNode) -> None:
    """Lets a constant read what its module reads, in place of an input of the network, so that the module depends on nothing else."""
    inside = {id(own): place for place, own in enumerate(draft.nodes) if _is_beside(own, node)}
    entry = next(
        (value for own in draft.nodes if id(own) in inside for value in own.inputs if _enters(value, inside)), None
    )
    if entry is None or node.inputs[0] is entry:
        return
    first = min(inside.values())
    maker = entry.node
    if maker is None or draft.nodes.index(maker) < first:
        draft.set_inputs(node, [entry])


def _is_beside(other: DraftNode, node: DraftNode) -> bool:
    """Whether two nodes are of one call of a module."""
    return other.scope == node.scope and other.uses.get(node.scope) == node.uses.get(node.scope)


def _enters(value: DraftValue, inside: dict[int, int]) -> bool:
    return value.shape.batched and value.node is not None and id(value.node) not in inside
