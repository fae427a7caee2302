"""Reads the parts of a network as class bodies: their members, and the statements of `forward`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from archspec.codegen.arguments import is_attribute, make_identifier
from archspec.codegen.initialisers import find_initialiser
from archspec.codegen.lowering import DROP_PATH, FILL_WEIGHT, LoweredNode
from archspec.codegen.module_tree import ModulePart
from archspec.codegen.python.defaults import CONTAINER, fill_defaults
from archspec.codegen.python.model import (
    BatchSize,
    ClassBody,
    Constructor,
    Member,
    ModuleRun,
    OwnParameter,
    Statement,
    ValueArgument,
    iter_numbers,
    structure_of,
)
from archspec.codegen.python.sequences import find_fraction_steps, find_progression
from archspec.ir.graph import Path, Value
from archspec.ir.names import UniqueNames
from archspec.ops.base import Batch, Call, Operand, Result


def read_body(
    part: ModulePart, inputs: Collection[Value], outputs: Iterable[Value], made: Mapping[Path, Constructor]
) -> ClassBody:
    """The class body of a part whose inner parts have constructors."""
    return _BodyReader(part, made).read(inputs, outputs)


class _BodyReader:
    def __init__(self, part: ModulePart, made: Mapping[Path, Constructor]) -> None:
        self._part, self._made = part, made
        self._start = len(part.path)
        self._values: dict[Value, int] = {}
        self._count = 0
        self._members: dict[Path, Constructor | OwnParameter] = {}
        self._statements: list[Statement] = []
        self._words: dict[Path, str] = {}

    def read(self, inputs: Collection[Value], outputs: Iterable[Value]) -> ClassBody:
        taken = self._new(inputs)
        for item in self._part.flattened:
            if isinstance(item, ModulePart):
                self._call_part(item)
            else:
                self._call_step(item)
        given = tuple(self._values[value] for value in outputs)
        kind = self._part.region.kind or re.sub(r"\d+$", "", "".join(self._part.path[-1:])) or "layers"
        body = ClassBody(self._part, kind, self._members, self._statements, taken, given)
        body.chain = _as_chain(body)
        return body if body.chain is not None else self._renamed(body)

    def _new(self, values: Collection[Value]) -> tuple[int, ...]:
        numbers = range(self._count, self._count + len(values))
        self._count += len(values)
        self._values.update(zip(values, numbers, strict=True))
        return tuple(numbers)

    def _call_part(self, part: ModulePart) -> None:
        path = part.path[self._start :]
        self._members.setdefault(path, self._made[part.path])
        args = tuple(ValueArgument(self._values[value]) for value in part.inputs)
        self._statements.append(Statement(self._new(part.outputs), path, args, hint=path[-1], weighted=True))

    def _call_step(self, step: LoweredNode) -> None:
        operands = [ValueArgument(self._values[value]) for value in step.operands]
        results: list[ValueArgument] = []
        for number, call in enumerate(step.lowered.calls, 1):
            args = _substitute(call.args, operands, results)
            keywords = _substitute(tuple(call.keywords.items()), operands, results)
            if number == len(step.lowered.calls):
                made = self._new(step.node.outputs)
            else:
                made, self._count = (self._count,), self._count + 1
            hint = step.node.path[-1] if step.node.path and not call.stateful else ""
            target = self._target(call, step)
            weighted = bool(step.node.op.weighted)
            made_by = Statement(made, target, args, keywords, hint, weighted, step.aligned)  # type: ignore[arg-type]
            self._statements.append(made_by)
            results.append(ValueArgument(made[0]))

    def _target(self, call: Call, step: LoweredNode) -> str | Path:
        if not call.stateful:
            return call.target
        path = step.path[self._start :]
        if path not in self._members:
            self._members[path] = _make_constructor(call, step)
            self._words[path] = step.node.op.word if not step.node.weights else ""
        return path

    def _renamed(self, body: ClassBody) -> ClassBody:
        """Renames modules without weights to their op's word, if no member with a number for a name remains.

        Drop paths, whose `draw` is called, always become attributes, because a module found by name has no static type.
        """
        numbered = [path for path in body.members if not path[0].isidentifier()]
        if any(len(path) > 1 or not self._words.get(path) for path in numbered):
            odd = (path for path in body.members if len(path) > 1 or not is_attribute(path[0]))
            numbered = [path for path in odd if getattr(body.members[path], "target", None) == DROP_PATH]
        free = UniqueNames(path[0] for path in body.members)
        names: dict[Path, Path] = {path: (free.take(make_identifier(self._words[path])),) for path in numbered}
        members = {names.get(path, path): make for path, make in body.members.items()}
        statements = [
            replace(statement, target=names.get(statement.target, statement.target))
            if isinstance(statement.target, tuple)
            else statement
            for statement in body.statements
        ]
        return replace(body, members=members, statements=statements)


def _make_constructor(call: Call, step: LoweredNode) -> Constructor | OwnParameter:
    if call.target == "torch.nn.Parameter":
        return OwnParameter(tuple(call.options["shape"]), next(iter(step.node.op.initial().values()), 0.0))
    if call.target == "torch.nn.Buffer":
        return _make_buffer(call)
    made = Constructor(call.target, tuple(fill_defaults(call).items()))
    return made if call.parametrization is None else _parametrize(made, call.parametrization, step)


def _parametrize(module: Constructor, call: Call, step: LoweredNode) -> Constructor:
    """The call that makes the weight of a module a computed one; before it, the weight is initialised as the spec says."""
    scheme = step.node.op.initial().get("weight")
    if scheme is not None:
        function, arguments = find_initialiser(scheme)
        module = Constructor(FILL_WEIGHT, (("", module), ("", function), *arguments.items()))
    return Constructor(call.target, (("", module), *call.options.items()))


def _make_buffer(call: Call) -> Constructor:
    data = call.options["data"]
    made = Constructor(data.target, tuple(data.options.items()))
    lasting = () if call.options["persistent"] else (("persistent", False),)
    return Constructor(call.target, (("", made), *lasting))


def _substitute(tree: object, operands: list[ValueArgument], results: list[ValueArgument]) -> object:
    if isinstance(tree, Operand):
        return operands[tree.index]
    if isinstance(tree, Result):
        return results[tree.index]
    if isinstance(tree, Batch):
        return BatchSize(operands[tree.index].value)
    if isinstance(tree, tuple | list):
        return tuple(_substitute(part, operands, results) for part in tree)
    return tree


def _as_chain(body: ClassBody) -> list[Member | ModuleRun] | None:
    """The members of a body that is a chain of calls of each member; None for any other body."""
    current = body.inputs
    if len(body.statements) != len(body.members):
        return None
    for statement, path in zip(body.statements, body.members, strict=True):
        plain = len(current) == 1 and statement.args == (ValueArgument(current[0]),) and not statement.keywords
        if not plain or len(statement.results) != 1 or statement.target != path:
            return None
        current = statement.results
    members = [Member(path, make) for path, make in body.members.items()]
    if current != body.outputs or any(len(member.path) > 1 or member.path[0] in CONTAINER for member in members):
        return None
    return (
        list(_group_runs(members)) if all(isinstance(member.constructor, Constructor) for member in members) else None
    )


def _group_runs(members: list[Member]) -> Iterator[Member | ModuleRun]:
    start = 0
    while start < len(members):
        prefix, number = _split_number(members[start].path[0])
        if number is None:
            yield members[start]
            start += 1
            continue
        end = start + 1
        while end < len(members) and _continues_run(members, end, prefix, number + end - start):
            end += 1
        makes = tuple(
            member.constructor for member in members[start:end] if isinstance(member.constructor, Constructor)
        )
        if len(makes) > 1 and not _is_regular(makes):
            yield ModuleRun(prefix, number, makes[:1], single=True)
            number, makes = number + 1, makes[1:]
        yield ModuleRun(prefix, number, makes, single=False)
        start = end


def _continues_run(members: list[Member], index: int, prefix: str, number: int) -> bool:
    return members[index].path[0] == f"{prefix}{number}" and structure_of(members[index].constructor) == structure_of(
        members[index - 1].constructor
    )


def _split_number(name: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.*?)(0|[1-9]\d*)", name)
    return (match[1], int(match[2])) if match else (name, None)


def _is_regular(makes: tuple[Constructor, ...]) -> bool:
    """Whether each number of the modules is constant or grows by equal steps; two modules must be equal."""
    for values in zip(*map(iter_numbers, makes), strict=True):
        if len(set(map(repr, values))) == 1:
            continue
        if len(values) < 3 or (find_progression(values) is None and find_fraction_steps([values]) is None):
            return False
    return True
