"""Groups bodies that share a class, and finds the arguments of its constructor."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import replace
from functools import partial

from archspec.codegen.python.model import (
    ClassBody,
    ClassTemplate,
    Constructor,
    Member,
    ModuleLoop,
    ModuleRun,
    OwnParameter,
    Statement,
    is_quantity,
    iter_numbers,
    map_numbers,
)
from archspec.codegen.python.sequences import Vector, find_progress
from archspec.codegen.python.solver import ArgumentSolver, is_argument
from archspec.codegen.python.syntax import is_literal, make_call, make_name, make_sequence
from archspec.codegen.python.syntax import make_literal as format_literal


def group_bodies(bodies: list[ClassBody]) -> list[ClassTemplate]:
    """The class templates of bodies at one depth. A member that only some have becomes a module argument of the constructor."""
    by_key: dict[Hashable, list[ClassBody]] = defaultdict(list)
    for body in bodies:
        by_key[body.key()].append(body)
    optional = dict(_find_optional_members(by_key))
    made: dict[Hashable, ClassTemplate] = {}
    for key, members in by_key.items():
        target, member = optional.get(key, (key, None))
        family = made.setdefault(target, ClassTemplate(members[0].kind, []))
        family.optional = family.optional or member
        family.bodies += members
    for family in made.values():
        family.bodies.sort(key=lambda body: family.optional is not None and (family.optional,) not in body.members)
        _generalise(family)
    return list(made.values())


def _find_optional_members(by_key: dict[Hashable, list[ClassBody]]) -> Iterator[tuple[Hashable, tuple[Hashable, str]]]:
    """Yields, for each structure that equals another without one member, the common structure and that member."""
    for key, (body, *_) in list(by_key.items()):
        if body.chain is not None:
            continue
        for path, make in body.members.items():
            nested = isinstance(make, Constructor) and (
                isinstance(make.target, ClassTemplate) or make.target == "torch.nn.Sequential"
            )
            usable = nested and len(path) == 1 and is_argument(path[0])
            less = body.without_member(path[0]) if usable else None
            if less is not None and less.key() in by_key:
                both = body.key(without=path[0])
                yield key, (both, path[0])
                yield less.key(), (both, path[0])
                break


def make_single_template(body: ClassBody) -> ClassTemplate:
    """The class template of a single body."""
    family = ClassTemplate(body.kind, [body])
    _generalise(family)
    return family


def construct_instance(family: ClassTemplate, index: int) -> Constructor:
    """The constructor call for the module of one of a template's bodies."""
    options = [(argument.name, argument.values[index]) for argument in family.arguments]
    if family.optional is not None:
        options.append((family.optional, family.bodies[index].members.get((family.optional,))))  # type: ignore[arg-type]
    return Constructor(family, tuple(options))


def _generalise(family: ClassTemplate) -> None:
    """Finds the members and statements that generalise those of all bodies, and the constructor's arguments."""
    solver = ArgumentSolver(family)
    family.members = list(
        _generalise_chain(family, solver) if family.body.chain is not None else _generalise_members(family, solver)
    )
    family.statements = list(_generalise_statements(family, solver))
    family.arguments = solver.ordered()


def _generalise_members(family: ClassTemplate, solver: ArgumentSolver) -> Iterator[Member]:
    for path, make in family.body.members.items():
        if path == (family.optional,):
            yield Member(path, make)
        else:
            yield Member(path, _generalise_constructor([body.members[path] for body in family.bodies], solver))


def _generalise_constructor(
    makes: list[Constructor | OwnParameter], solver: ArgumentSolver
) -> Constructor | OwnParameter:
    columns = zip(*map(iter_numbers, makes), strict=True)
    first = makes[0]
    if isinstance(first, OwnParameter):
        return replace(
            first, sizes=tuple(solver.expression(f"size{axis}", column) for axis, column in enumerate(columns))
        )
    return map_numbers(first, lambda hint: solver.expression(hint, next(columns)))  # type: ignore[return-value]


def _generalise_statements(family: ClassTemplate, solver: ArgumentSolver) -> Iterator[Statement]:
    rows = [
        [leaf for statement in body.statements for leaf in statement.leaves if is_quantity(leaf)]
        for body in family.bodies
    ]
    columns = zip(*rows, strict=True)
    for statement in family.body.statements:
        word = statement.target.rpartition(".")[2] if isinstance(statement.target, str) else statement.target[-1]
        quantity = partial(solver.expression, f"{word}_size")
        yield statement.map_leaves(lambda leaf, make=quantity: make(next(columns)) if is_quantity(leaf) else leaf)  # type: ignore[misc]


def _generalise_chain(family: ClassTemplate, solver: ArgumentSolver) -> Iterator[Member | ModuleLoop]:
    before = 0
    for items in zip(*(body.chain or [] for body in family.bodies), strict=True):
        if isinstance(items[0], Member):
            yield replace(items[0], constructor=_generalise_constructor([item.constructor for item in items], solver))
            before += 1
        else:
            yield _generalise_run(list(items), before, solver)
            before += len(items[0].constructors)


def _generalise_run(runs: list[ModuleRun], before: int, solver: ArgumentSolver) -> ModuleLoop:
    """The modules of a run as one that depends on the loop variable."""
    first = runs[0]
    count = (
        format_literal(1) if first.single else solver.expression("depth", tuple(len(run.constructors) for run in runs))
    )
    rows = [list(zip(*map(iter_numbers, run.constructors), strict=True)) for run in runs]
    columns = zip(*rows, strict=True)
    turn = _LoopTurn(solver)
    make = map_numbers(first.constructors[0], lambda hint: turn.expression(hint, list(next(columns))))
    assert isinstance(make, Constructor), "a run is of modules"
    plain = ModuleLoop(first.prefix, first.start, before, make)
    if is_literal(count, 1):
        return plain
    appended = first.prefix == "" and first.start == before
    target, source = turn.head(count, indexed=turn.indexed or not appended)
    return replace(plain, target=target, source=source)


class _LoopTurn:
    """Finds the expressions that change from turn to turn of a loop."""

    def __init__(self, solver: ArgumentSolver) -> None:
        self._solver = solver
        self._lists: list[tuple[ast.expr, ast.expr]] = []
        self.indexed = False

    def expression(self, hint: str, sequences: list[Vector]) -> ast.expr:
        """The expression in the loop for a number with these values in the turns of each body."""
        change = find_progress(sequences)
        parts = [self._solver.expression(*pair) for pair in zip(change.suggest_names(hint), change.parts, strict=True)]
        if change.kind == "same":
            return parts[0]
        if change.kind == "listed":
            self._lists.append((make_name(f"value{len(self._lists) or ''}"), parts[0]))
            return self._lists[-1][0]
        self.indexed = True
        first, step = parts[:2]
        product = make_name("i") if is_literal(step, 1) else ast.BinOp(step, ast.Mult(), make_name("i"))
        total = product if is_literal(first, 0) else ast.BinOp(first, ast.Add(), product)
        return total if change.kind == "grows" else ast.BinOp(total, ast.Div(), parts[2])

    def head(self, count: ast.expr, *, indexed: bool) -> tuple[ast.expr, ast.expr]:
        """The target and the iterable of the loop."""
        if not self._lists:
            return make_name("i" if indexed else "_"), make_call("range", count)
        names, values = zip(*self._lists, strict=True)
        if len(self._lists) > 1:
            names, values = (make_sequence(names),), (make_call("zip", *values),)
        if not indexed:
            return names[0], values[0]
        return make_sequence([make_name("i"), names[0]]), make_call("enumerate", values[0])
