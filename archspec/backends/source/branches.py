"""Branches that are not computed where stochastic depth drops them, as statements."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.backends.source.model import Body, Make, Ref, Statement
from archspec.backends.steps import DROP_PATH


@dataclass(frozen=True)
class Guard:
    """Statements that run only where the branch is kept; then the drop path is called. `like` is of the branch's shape."""

    drop: Statement
    items: tuple[Item, ...]
    like: int

    @property
    def results(self) -> tuple[int, ...]:
        return tuple(value for item in self.items for value in item.results) + self.drop.results

    @property
    def reads(self) -> list[int]:
        return [value for item in self.items for value in item.reads] + self.drop.reads + [self.like]


Item = Statement | Guard


def guarded(body: Body) -> list[Item]:
    """The statements of a body, each branch that can be left out right before the sum that it enters."""
    items: list[Item] = list(body.statements)
    drops = [one for one in body.statements if _drops_batches(body, one)]
    for at, drop in enumerate(drops):
        inside = _behind(items, drop, body.outputs)
        like = _beside(body, items, drop, drops[at + 1 :])
        if not inside or like is None:
            continue
        (total,) = [item for item in items if drop.results[0] in item.reads]
        rest = [item for item in items if item not in inside and item is not drop]
        place = rest.index(total)
        items = [*rest[:place], Guard(drop, tuple(inside), like), *rest[place:]]
    return items


def _drops_batches(body: Body, one: Statement) -> bool:
    makes = [member.make for member in body.members if member.path == one.target]
    return any(
        isinstance(make, Make) and make.target == DROP_PATH and ("mode", "batch") in make.options for make in makes
    )


def _users(items: list[Item], item: Item) -> list[Item]:
    return [other for other in items if other is not item and set(item.results) & set(other.reads)]


def _behind(items: list[Item], drop: Statement, outputs: tuple[int, ...]) -> list[Item]:
    """What is needed for nothing but the operand of `drop`, in order."""
    inside: list[Item] = [drop]
    for item in reversed(items[: items.index(drop)]):
        users = _users(items, item)
        if users and all(user in inside for user in users) and not set(item.results) & set(outputs):
            inside.append(item)
    return inside[:0:-1]


def _beside(body: Body, items: list[Item], drop: Statement, unplaced: list[Statement]) -> int | None:
    """Another operand of the sum that only `drop` enters, if it is there before that sum begins."""
    made = {value: at for at, item in enumerate(items) for value in item.results}
    value, start = drop.results[0], None
    while True:
        users = [item for item in items if value in item.reads]
        total = users[0] if len(users) == 1 else None
        if not isinstance(total, Statement) or total.target != "torch.add" or value in body.outputs:
            return None
        if not total.batched:  # its operands are not of one shape
            return None
        operands = [one.value for one in total.args if isinstance(one, Ref)]
        if len(operands) != 2:
            return None
        start = items.index(total) if start is None else start
        other = operands[operands[0] == value]
        maker = items[made[other]] if other in made else None
        if made.get(other, -1) < start and maker not in unplaced:
            return other
        value = total.results[0]
