"""A family of bodies as a class."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from archspec.backends.arguments import FreeNames, is_attribute
from archspec.backends.source.defaults import CONTAINER, DEFAULTS, POSITIONAL
from archspec.backends.source.forward import Forward
from archspec.backends.source.initial import parameter
from archspec.backends.source.loops import rolled
from archspec.backends.source.model import Family, Make, Option, Path, Turns, Weight
from archspec.backends.source.syntax import (
    assign,
    attribute,
    call,
    class_of,
    function,
    invoke,
    is_literal,
    item,
    literal,
    name,
    own,
    parsed,
    sequence,
    stored,
)
from archspec.language.names import RESERVED


def class_for(family: Family, names: Sequence[str], initialise: ast.FunctionDef | None = None) -> ast.ClassDef:
    """The class of a family; `names` are the arguments of its `forward`. It ends its constructor with `initialise`."""
    return _Writer(family, names).write(initialise)


class _Writer:
    def __init__(self, family: Family, names: Sequence[str]) -> None:
        self._family, self._names = family, names
        self._heads = list(dict.fromkeys(path[0] for path in family.body.members))
        self._base = self._choose_base()
        self._appends = self._base == "nn.ModuleList" and family.optional is None
        self._stored: dict[str, str] = {}
        """The arguments that `forward` reads, and the attributes that keep them."""

    def _choose_base(self) -> str:
        if self._family.body.chain is not None:
            return "nn.Sequential"
        members = self._family.body.members
        odd = [head for head in self._heads if not is_attribute(head)]
        deep = any(len(path) > 1 for path in members)
        weights = any(isinstance(make, Weight) and path[0] in odd for path, make in members.items())
        if not odd or deep or weights or CONTAINER & set(self._heads):
            return "nn.Module"
        listed = odd == [str(number) for number in range(len(odd))]
        return "nn.ModuleList" if listed else "nn.ModuleDict"

    def write(self, initialise: ast.FunctionDef | None) -> ast.ClassDef:
        made = rolled(list(self._members()))
        forward = [self._forward()] if self._family.body.chain is None else []
        made += [assign(own(kept), name(text)) for text, kept in self._stored.items()]
        if initialise is not None:
            made.append(ast.Expr(call(own(initialise.name))))
            forward.insert(0, initialise)
        constructor = [ast.Expr(call(attribute(call("super"), "__init__"))), *made]
        return class_of(self._family.name, self._base, [self._constructor(constructor), *forward])

    def _constructor(self, body: list[ast.stmt]) -> ast.FunctionDef:
        arguments = [ast.arg(argument.name, annotation(argument.values)) for argument in self._family.arguments]
        defaults = [literal(argument.default) for argument in self._family.arguments if argument.has_default]
        if self._family.optional is not None:
            arguments.append(ast.arg(self._family.optional, parsed("nn.Module | None")))
            defaults.append(ast.Constant(None))
        return function("__init__", arguments, body, ast.Constant(None), defaults)

    # -- members --------------------------------------------------------------------------------------------------

    def _members(self) -> Iterator[ast.stmt]:
        containers: set[Path] = set()
        for member in self._family.members:
            if isinstance(member, Turns):
                yield self._turns(member)
                continue
            for end in range(1, len(member.path)):
                if member.path[:end] not in containers:
                    containers.add(member.path[:end])
                    yield self._put(member.path[:end], call("nn.Module"))
            optional = member.path == (self._family.optional,)
            yield self._put(member.path, name(member.path[0]) if optional else built(member.make))

    def _put(self, path: Path, value: ast.expr) -> ast.stmt:
        *above, last = path
        if not above and is_attribute(last):
            return assign(own(last), value)
        if not above and self._base == "nn.ModuleDict":
            return assign(item(name("self"), literal(last)), value)
        if not above and self._appends and self._heads.index(last) == int(last):
            return _append(value)
        owner = call(own("get_submodule"), literal(".".join(above))) if above else name("self")
        return _added(owner, literal(last), value)

    def _turns(self, turns: Turns) -> ast.stmt:
        appends = turns.prefix == "" and turns.start == turns.before
        value = built(turns.make)
        if turns.target is None or turns.source is None:
            return _append(value) if appends else self._put((f"{turns.prefix}{turns.start}",), value)
        put = _append(value) if appends else _added(name("self"), _numbered(turns.prefix, turns.start), value)
        return ast.For(stored(turns.target), turns.source, [put], [], lineno=0)

    # -- forward --------------------------------------------------------------------------------------------------

    def _forward(self) -> ast.FunctionDef:
        family = self._family
        stored = _Stored({statement.name for statement in family.arguments}, self._stored, RESERVED | set(self._heads))
        statements = [statement.changed(stored.found) for statement in family.statements]
        body = Forward(family.body, statements, self._access, family.optional, self._names).write()
        arguments = [ast.arg(text, name("Tensor")) for text in self._names]
        index = "i" if "i" not in self._names else "i_"
        return function("forward", arguments, rolled(body, index), _tensors(len(family.body.outputs)))

    def _access(self, path: Path) -> ast.expr:
        if len(path) == 1 and is_attribute(path[0]):
            return own(path[0])
        if len(path) == 1 and self._base == "nn.ModuleList":
            return item(name("self"), literal(int(path[0])))
        if self._base == "nn.ModuleDict":
            return item(name("self"), literal(path[0]))
        weight = isinstance(self._family.body.members[path], Weight)
        return call(own("get_parameter" if weight else "get_submodule"), literal(".".join(path)))


class _Stored(ast.NodeTransformer):
    """Finds the arguments of the constructor on the module: those that `forward` reads are `kept` there."""

    def __init__(self, arguments: set[str], kept: dict[str, str], taken: frozenset[str]) -> None:
        self._arguments, self._kept, self._free = arguments, kept, FreeNames(taken)

    def found(self, leaf: object) -> object:
        return self.visit(leaf) if isinstance(leaf, ast.expr) else leaf

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._arguments:
            return node
        if node.id not in self._kept:
            self._kept[node.id] = self._free.take(node.id)
        return own(self._kept[node.id])


def _append(value: ast.expr) -> ast.stmt:
    return ast.Expr(call(own("append"), value))


def _added(owner: ast.expr, key: ast.expr, value: ast.expr) -> ast.stmt:
    weight = isinstance(value, ast.Call) and ast.unparse(value.func) == "nn.Parameter"
    return ast.Expr(call(attribute(owner, "register_parameter" if weight else "add_module"), key, value))


def _numbered(prefix: str, start: int) -> ast.expr:
    """The name of a module in a loop over `i`."""
    number = ast.BinOp(name("i"), ast.Add(), literal(start)) if start else name("i")
    if not prefix:
        return call("str", number)
    return ast.JoinedStr([ast.Constant(prefix), ast.FormattedValue(number, -1)])


def _tensors(count: int) -> ast.expr:
    """The type of what a `forward` gives."""
    if count == 1:
        return name("Tensor")
    several = [name("Tensor"), ast.Constant(...)] if count > 4 else [name("Tensor")] * count
    return item(name("tuple"), sequence(several))


def built(make: Make | Weight) -> ast.expr:
    """The construction of a module or a parameter, without the options that are the defaults."""
    if isinstance(make, Weight):
        return parameter(make)
    if isinstance(make.target, Family):
        return _of_family(make, make.target)
    positional = POSITIONAL.get(make.target, ())
    defaults = DEFAULTS.get(make.target, {})
    args: list[ast.expr] = []
    keywords: dict[str, ast.expr] = {}
    for word, option in make.options:
        value = _value(option)
        if word in defaults and is_literal(value, defaults[word]):
            continue
        if (word in positional and not keywords) or not word:
            args.append(value)
        else:
            keywords[word] = value
    return invoke(_torch_name(make.target), args, keywords)


def _value(option: Option) -> ast.expr:
    if isinstance(option, Make):
        return built(option)
    return option if isinstance(option, ast.expr) else literal(option)


def _of_family(make: Make, family: Family) -> ast.expr:
    args: list[ast.expr] = []
    keywords: dict[str, ast.expr] = {}
    options = dict(make.options)
    required = sum(not argument.has_default for argument in family.arguments)
    for argument in family.arguments:
        value = _value(options[argument.name])
        if argument.has_default and is_literal(value, argument.default):
            continue
        if argument.has_default or required > 3:
            keywords[argument.name] = value
        else:
            args.append(value)
    if family.optional is not None and options[family.optional] is not None:
        keywords[family.optional] = _value(options[family.optional])
    return invoke(family.name, args, keywords)


def _torch_name(target: str) -> str:
    return f"nn.{target.removeprefix('torch.nn.')}" if target.startswith("torch.nn.") else target.rpartition(".")[2]


def annotation(values: tuple[object, ...]) -> ast.expr:
    """The type of an argument that has these values."""
    return parsed(_union(values))


def _union(values: Iterable[object]) -> str:
    scalars = {type(value).__name__ for value in values if not isinstance(value, tuple)}
    tuples = [value for value in values if isinstance(value, tuple)]
    kinds = {"float"} if scalars == {"int", "float"} else scalars
    return " | ".join(sorted(kinds | ({_tuple(tuples)} if tuples else set())))


def _tuple(values: list[tuple[object, ...]]) -> str:
    """The type of tuples: of a few numbers for each axis, or of as many as there are."""
    inner = _union([part for value in values for part in value])
    (length, *others) = {len(value) for value in values}
    fixed = not others and length <= 3 and "float" not in inner
    return f"tuple[{', '.join([inner] * length)}]" if fixed else f"tuple[{inner}, ...]"
