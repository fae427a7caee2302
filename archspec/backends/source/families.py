"""Which bodies share a class, and what the constructor of that class takes where they differ."""

from __future__ import annotations

import keyword
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator
from fractions import Fraction

from archspec.backends.source.model import Argument, Body, Family, Literal, Make, Run, is_number, leaves
from archspec.backends.source.sequences import Vector, ways

_RANK = ("in_channels", "in_features", "embed_dim", "out_channels", "out_features", "num_features")
"""Names for an argument that several options have in common, best first."""

_PUBLIC = {"num_features": "in_channels", "normalized_shape": "width", "p": "drop", "kernel_size": "kernel"}


def families(bodies: list[Body]) -> list[Family]:
    """The classes of bodies that lie equally deep. A part that only some have becomes a module that the constructor takes."""
    by_key: dict[Hashable, list[Body]] = defaultdict(list)
    for body in bodies:
        by_key[body.key()].append(body)
    optional = dict(_optional(by_key))
    made: dict[Hashable, Family] = {}
    for key, members in by_key.items():
        target, name = optional.get(key, (key, None))
        family = made.setdefault(target, Family(members[0].kind, []))
        family.optional = family.optional or name
        family.bodies += members
    for family in made.values():
        # the body with the optional member is the one that is written
        family.bodies.sort(key=lambda body: not _has(body, family.optional))
    return list(made.values())


def _has(body: Body, name: str | None) -> bool:
    return name is None or any(one.path == (name,) for one in body.members)


def _optional(by_key: dict[Hashable, list[Body]]) -> Iterator[tuple[Hashable, tuple[Hashable, str]]]:
    """For each structure that another is but for one member: the structure that both become, and that member."""
    for key, (body, *_) in list(by_key.items()):
        if body.chain is not None:
            continue
        for member in body.members:
            name = member.path[0]
            nested = isinstance(member.make, Make) and not (
                isinstance(member.make.target, str) and member.make.target != "torch.nn.Sequential"
            )
            less = body.elided(name) if nested and len(member.path) == 1 else None
            if less is not None and less.key() in by_key:
                both = body.key(without=name)
                yield key, (both, name)
                yield less.key(), (both, name)
                break


def solve(family: Family) -> None:
    """Decides the arguments of a class, and what stands for each of its numbers."""
    solver = _Solver(family)
    family.texts = {at: solver.text(hint, vector) for at, (hint, vector) in enumerate(holes(family))}
    family.arguments = solver.ordered()


def holes(family: Family) -> list[tuple[str, Vector]]:
    """For each number in a class, in order: a name for it, and its value in each body."""
    if family.bodies[0].chain is not None:
        return list(_chain_holes(family))
    rows = [list(_numbers(body, family.optional)) for body in family.bodies]
    return [(column[0][0], tuple(value for _, value in column)) for column in zip(*rows, strict=True)]


def _numbers(body: Body, optional: str | None) -> Iterator[tuple[str, Literal]]:
    for member in body.members:
        if member.path != (optional,):
            yield from member.make.numbers
    for statement in body.statements:
        for leaf in leaves((statement.args, tuple(value for _, value in statement.keywords))):
            if is_number(leaf) and not isinstance(leaf, bool):
                word = statement.target if isinstance(statement.target, str) else statement.target[-1]
                yield f"{word.rpartition('.')[2]}_size", leaf  # type: ignore[misc]


def _chain_holes(family: Family) -> Iterator[tuple[str, Vector]]:
    chains = [body.chain or [] for body in family.bodies]
    for items in zip(*chains, strict=True):
        if not isinstance(items[0], Run):
            rows = [list(item.make.numbers) for item in items if not isinstance(item, Run)]
            for column in zip(*rows, strict=True):
                yield column[0][0], tuple(value for _, value in column)
            continue
        runs = [item for item in items if isinstance(item, Run)]
        if not runs[0].single:
            yield "depth", tuple(len(run.makes) for run in runs)
        names = [name for name, _ in runs[0].makes[0].numbers]
        for name, way in zip(names, ways(runs), strict=True):
            yield from way.holes(name)


class _Solver:
    def __init__(self, family: Family) -> None:
        self._family = family
        self._arguments: list[Argument] = []
        self._named = dict(_spec_arguments(family))
        self._taken = {member.path[0] for body in family.bodies for member in body.members}
        self._best = _best_names(family)

    def text(self, hint: str, vector: Vector) -> str:
        """What stands in the class for a number that has these values in its bodies."""
        if _constant(vector):
            return literal(vector[0])
        for argument in self._arguments:
            if _equal(argument.values, vector):
                return argument.name
        for name, values in self._named.items():
            if _equal(values, vector):
                return self._add(name, vector)
        known = [(one.name, one.values) for one in self._arguments]
        for name, values in [*known, *self._named.items()]:
            text = derived(name, values, vector)
            if text is not None:
                if name in self._named and all(name != one.name for one in self._arguments):
                    self._add(name, self._named[name])
                return text
        hint = self._best.get(tuple(map(repr, vector)), hint)
        return self._add(self._free(_PUBLIC.get(hint, hint)), vector)

    def _add(self, name: str, values: Vector) -> str:
        self._arguments.append(Argument(name, values))
        return name

    def _free(self, name: str) -> str:
        name = re.sub(r"\W", "_", name)
        if not name.isidentifier() or keyword.iskeyword(name):
            name = f"size_{name}"
        taken = {one.name for one in self._arguments} | set(self._named)
        number, free = 2, name
        while free in taken:
            free, number = f"{name}{number}", number + 1
        return free

    def ordered(self) -> list[Argument]:
        """The arguments, those with a default last."""
        for argument in self._arguments:
            usual = max(argument.values, key=lambda value: sum(repr(value) == repr(one) for one in argument.values))
            often = sum(repr(value) == repr(usual) for value in argument.values)
            if usual in (0, 1) and 2 * often > len(argument.values):
                argument.default, argument.has_default = usual, True
        return sorted(self._arguments, key=lambda argument: argument.has_default)


def _spec_arguments(family: Family) -> Iterator[tuple[str, Vector]]:
    """The numbers that the spec's block takes and that differ between the bodies."""
    given = [body.part.scope.arguments for body in family.bodies]
    for name in given[0]:
        values = tuple(_whole(arguments.get(name)) for arguments in given)
        plain = re.sub(r"\W", "_", name)
        if all(is_number(value) for value in values) and not _constant(values) and not keyword.iskeyword(plain):
            yield plain, values


def _whole(value: object) -> Literal:
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value if is_number(value) else None  # type: ignore[return-value]


def _best_names(family: Family) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for hint, vector in holes(family):
        key = tuple(map(repr, vector))
        if hint in _RANK and (key not in found or _RANK.index(hint) < _RANK.index(found[key])):
            found[key] = hint
    return found


def _constant(vector: Vector) -> bool:
    return all(repr(value) == repr(vector[0]) for value in vector)


def _equal(one: Vector, other: Vector) -> bool:
    return all(a == b and isinstance(a, bool) == isinstance(b, bool) for a, b in zip(one, other, strict=True))


def derived(name: str, values: Vector, vector: Vector) -> str | None:
    """A formula of an argument that gives the numbers, if a simple one does."""
    if not all(type(value) is int for value in (*values, *vector)):
        return None
    pairs = [(a, b) for a, b in zip(values, vector, strict=True) if isinstance(a, int) and isinstance(b, int)]
    first, result = pairs[0]
    factor = result // first if first else 0
    if factor > 1 and all(b == factor * a for a, b in pairs):
        return f"{factor} * {name}"
    for divisor in (2, 4, 8, 16):
        if any(b for _, b in pairs) and all(b == a // divisor for a, b in pairs):
            return f"{name} // {divisor}"
    return f"{name} - 1" if name.startswith("depth") and all(b == a - 1 for a, b in pairs) else None


def literal(value: Literal) -> str:
    """A number as it stands in code."""
    if isinstance(value, tuple):
        inner = ", ".join(literal(one) for one in value)  # type: ignore[arg-type]
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
