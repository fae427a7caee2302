"""Parts of a network as bodies of classes: which modules they hold and what their `forward` does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from archspec.backends.arguments import FreeNames, identifier, is_attribute
from archspec.backends.layout import Part
from archspec.backends.source.defaults import CONTAINER, full
from archspec.backends.source.model import Body, Make, Member, Ref, Run, Size, Statement, Weight, numbers_of, shape_of
from archspec.backends.source.sequences import progression, shares
from archspec.backends.steps import DROP_PATH, Step
from archspec.backends.steps import Ref as Place
from archspec.graph import Path
from archspec.ops.base import Batch, Call, Operand, Result


def body_of(part: Part, inputs: list[Place], outputs: list[Place], made: Mapping[Path, Make]) -> Body:
    """The body of a part whose inner parts are made."""
    return _Reader(part, made).read(inputs, outputs)


class _Reader:
    def __init__(self, part: Part, made: Mapping[Path, Make]) -> None:
        self._part, self._made = part, made
        self._start = len(part.path)
        self._values: dict[Place, int] = {}
        self._count = 0
        self._members: dict[Path, Make | Weight] = {}
        self._statements: list[Statement] = []
        self._words: dict[Path, str] = {}

    def read(self, inputs: list[Place], outputs: list[Place]) -> Body:
        taken = self._new(inputs)
        for item in self._part.flat:
            if isinstance(item, Part):
                self._call_part(item)
            else:
                self._call_step(item)
        given = tuple(self._values[place] for place in outputs)
        kind = self._part.scope.kind or re.sub(r"\d+$", "", "".join(self._part.path[-1:])) or "layers"
        body = Body(self._part, kind, self._members, self._statements, taken, given)
        body.chain = _chain(body)
        return body if body.chain is not None else self._renamed(body)

    def _new(self, places: list[Place]) -> tuple[int, ...]:
        numbers = range(self._count, self._count + len(places))
        self._count += len(places)
        self._values.update(zip(places, numbers, strict=True))
        return tuple(numbers)

    def _call_part(self, part: Part) -> None:
        path = part.path[self._start :]
        self._members.setdefault(path, self._made[part.path])
        args = tuple(Ref(self._values[place]) for place in part.inputs)
        self._statements.append(Statement(self._new(list(part.outputs)), path, args, hint=path[-1], weighted=True))

    def _call_step(self, step: Step) -> None:
        operands = [Ref(self._values[place]) for place in step.operands]
        results: list[Ref] = []
        for number, call in enumerate(step.kind.calls, 1):
            args = _filled(call.args, operands, results)
            keywords = _filled(tuple(call.keywords.items()), operands, results)
            if number == len(step.kind.calls):
                made = self._new([(step.node.id, index) for index in range(len(step.node.outputs))])
            else:
                made, self._count = (self._count,), self._count + 1
            hint = step.node.path[-1] if step.node.path and not call.stateful else ""
            target = self._target(call, step)
            weighted = bool(step.node.op.weighted)
            made_by = Statement(made, target, args, keywords, hint, weighted, step.batched)  # type: ignore[arg-type]
            self._statements.append(made_by)
            results.append(Ref(made[0]))

    def _target(self, call: Call, step: Step) -> str | Path:
        if not call.stateful:
            return call.target
        path = step.path[self._start :]
        if path not in self._members:
            self._members[path] = _make(call, step)
            self._words[path] = step.node.op.word if not step.node.weights else ""
        return path

    def _renamed(self, body: Body) -> Body:
        """Calls modules without weights by their op's word, where that leaves no member with a number for a name.

        Drop paths, whose draws are asked for, are attributes in any case: what is found by its name has no type.
        """
        numbered = [path for path in body.members if not path[0].isidentifier()]
        if any(len(path) > 1 or not self._words.get(path) for path in numbered):
            odd = (path for path in body.members if len(path) > 1 or not is_attribute(path[0]))
            numbered = [path for path in odd if getattr(body.members[path], "target", None) == DROP_PATH]
        free = FreeNames(path[0] for path in body.members)
        names: dict[Path, Path] = {path: (free.take(identifier(self._words[path])),) for path in numbered}
        members = {names.get(path, path): make for path, make in body.members.items()}
        statements = [
            replace(statement, target=names.get(statement.target, statement.target))
            if isinstance(statement.target, tuple)
            else statement
            for statement in body.statements
        ]
        return replace(body, members=members, statements=statements)


def _make(call: Call, step: Step) -> Make | Weight:
    if call.target == "torch.nn.Parameter":
        return Weight(tuple(call.options["shape"]), next(iter(step.node.op.initial().values()), 0.0))
    return Make(call.target, tuple(full(call).items()))


def _filled(tree: object, operands: list[Ref], results: list[Ref]) -> object:
    if isinstance(tree, Operand):
        return operands[tree.index]
    if isinstance(tree, Result):
        return results[tree.index]
    if isinstance(tree, Batch):
        return Size(operands[tree.index].value)
    if isinstance(tree, tuple | list):
        return tuple(_filled(part, operands, results) for part in tree)
    return tree


def _chain(body: Body) -> list[Member | Run] | None:
    """The members of a body that only calls one after the other, each once; None of any other body."""
    current = body.inputs
    if len(body.statements) != len(body.members):
        return None
    for statement, path in zip(body.statements, body.members, strict=True):
        plain = len(current) == 1 and statement.args == (Ref(current[0]),) and not statement.keywords
        if not plain or len(statement.results) != 1 or statement.target != path:
            return None
        current = statement.results
    members = [Member(path, make) for path, make in body.members.items()]
    if current != body.outputs or any(len(member.path) > 1 or member.path[0] in CONTAINER for member in members):
        return None
    return list(_runs(members)) if all(isinstance(member.make, Make) for member in members) else None


def _runs(members: list[Member]) -> Iterator[Member | Run]:
    start = 0
    while start < len(members):
        prefix, number = _numbered(members[start].path[0])
        if number is None:
            yield members[start]
            start += 1
            continue
        end = start + 1
        while end < len(members) and _follows(members, end, prefix, number + end - start):
            end += 1
        makes = tuple(member.make for member in members[start:end] if isinstance(member.make, Make))
        if len(makes) > 1 and not _regular(makes):
            yield Run(prefix, number, makes[:1], single=True)
            number, makes = number + 1, makes[1:]
        yield Run(prefix, number, makes, single=False)
        start = end


def _follows(members: list[Member], index: int, prefix: str, number: int) -> bool:
    return members[index].path[0] == f"{prefix}{number}" and shape_of(members[index].make) == shape_of(
        members[index - 1].make
    )


def _numbered(name: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.*?)(0|[1-9]\d*)", name)
    return (match[1], int(match[2])) if match else (name, None)


def _regular(makes: tuple[Make, ...]) -> bool:
    """Whether each number of the modules is always the same or grows by equal steps; of two modules, whether they are equal."""
    for values in zip(*map(numbers_of, makes), strict=True):
        if len(set(map(repr, values))) == 1:
            continue
        if len(values) < 3 or (progression(values) is None and shares([values]) is None):
            return False
    return True
