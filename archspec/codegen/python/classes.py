"""Writes class templates as classes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from archspec.codegen.arguments import is_attribute
from archspec.codegen.python.defaults import CONTAINER, DEFAULTS, POSITIONAL
from archspec.codegen.python.forward import ForwardWriter
from archspec.codegen.python.initial import format_parameter
from archspec.codegen.python.loop_rolling import roll_loops
from archspec.codegen.python.model import ClassTemplate, Constructor, ModuleLoop, Option, OwnParameter, Path, is_tensor
from archspec.codegen.python.syntax import (
    is_literal,
    make_assignment,
    make_attribute,
    make_call,
    make_call_from,
    make_class,
    make_function,
    make_literal,
    make_name,
    make_sequence,
    make_subscript,
    make_target,
    parse_expression,
    self_attribute,
)
from archspec.ir.names import UniqueNames
from archspec.spec.reserved_names import RESERVED


def write_class(family: ClassTemplate, names: Sequence[str], initialise: ast.FunctionDef | None = None) -> ast.ClassDef:
    """The class of a template; `names` are the arguments of its `forward`. `initialise` is called at the end of its constructor."""
    return _ClassWriter(family, names).write(initialise)


class _ClassWriter:
    def __init__(self, family: ClassTemplate, names: Sequence[str]) -> None:
        self._family, self._names = family, names
        self._heads = list(dict.fromkeys(path[0] for path in family.body.members))
        self._base = self._choose_base()
        self._appends = self._base == "nn.ModuleList" and family.optional is None
        self._stored: dict[str, str] = {}
        """The constructor arguments that `forward` reads, with their attributes."""

    def _choose_base(self) -> str:
        if self._family.body.chain is not None:
            return "nn.Sequential"
        members = self._family.body.members
        odd = [head for head in self._heads if not is_attribute(head)]
        deep = any(len(path) > 1 for path in members)
        weights = any(is_tensor(make) and path[0] in odd for path, make in members.items())
        if not odd or deep or weights or CONTAINER & set(self._heads):
            return "nn.Module"
        listed = odd == [str(number) for number in range(len(odd))]
        return "nn.ModuleList" if listed else "nn.ModuleDict"

    def write(self, initialise: ast.FunctionDef | None) -> ast.ClassDef:
        made = roll_loops(list(self._members()))
        forward = [self._forward()] if self._family.body.chain is None else []
        made += [make_assignment(self_attribute(kept), make_name(text)) for text, kept in self._stored.items()]
        if initialise is not None:
            made.append(ast.Expr(make_call(self_attribute(initialise.name))))
            forward.insert(0, initialise)
        constructor = [ast.Expr(make_call(make_attribute(make_call("super"), "__init__"))), *made]
        return make_class(self._family.name, self._base, [self._constructor(constructor), *forward])

    def _constructor(self, body: list[ast.stmt]) -> ast.FunctionDef:
        arguments = [ast.arg(argument.name, annotate_type(argument.values)) for argument in self._family.arguments]
        defaults = [make_literal(argument.default) for argument in self._family.arguments if argument.has_default]
        if self._family.optional is not None:
            arguments.append(ast.arg(self._family.optional, parse_expression("nn.Module | None")))
            defaults.append(ast.Constant(None))
        return make_function("__init__", arguments, body, ast.Constant(None), defaults)

    # -- members --------------------------------------------------------------------------------------------------

    def _members(self) -> Iterator[ast.stmt]:
        containers: set[Path] = set()
        for member in self._family.members:
            if isinstance(member, ModuleLoop):
                yield self._write_loop(member)
                continue
            for end in range(1, len(member.path)):
                if member.path[:end] not in containers:
                    containers.add(member.path[:end])
                    yield self._put(member.path[:end], make_call("nn.Module"))
            optional = member.path == (self._family.optional,)
            yield self._put(
                member.path, make_name(member.path[0]) if optional else construct_module(member.constructor)
            )

    def _put(self, path: Path, value: ast.expr) -> ast.stmt:
        *above, last = path
        if not above and is_attribute(last):
            return make_assignment(self_attribute(last), value)
        if not above and self._base == "nn.ModuleDict":
            return make_assignment(make_subscript(make_name("self"), make_literal(last)), value)
        if not above and self._appends and self._heads.index(last) == int(last):
            return append_call(value)
        owner = (
            make_call(self_attribute("get_submodule"), make_literal(".".join(above))) if above else make_name("self")
        )
        return add_module_call(owner, make_literal(last), value)

    def _write_loop(self, turns: ModuleLoop) -> ast.stmt:
        appends = turns.prefix == "" and turns.start == turns.before
        value = construct_module(turns.constructor)
        if turns.target is None or turns.source is None:
            return append_call(value) if appends else self._put((f"{turns.prefix}{turns.start}",), value)
        put = (
            append_call(value)
            if appends
            else add_module_call(make_name("self"), _numbered_name(turns.prefix, turns.start), value)
        )
        return ast.For(make_target(turns.target), turns.source, [put], [], lineno=0)

    # -- forward --------------------------------------------------------------------------------------------------

    def _forward(self) -> ast.FunctionDef:
        family = self._family
        stored = _ArgumentReads(
            {statement.name for statement in family.arguments}, self._stored, RESERVED | set(self._heads)
        )
        statements = [statement.map_leaves(stored.rename_leaf) for statement in family.statements]
        body = ForwardWriter(family.body, statements, self._access, family.optional, self._names).write()
        arguments = [ast.arg(text, make_name("Tensor")) for text in self._names]
        index = "i" if "i" not in self._names else "i_"
        return make_function("forward", arguments, roll_loops(body, index), _forward_type(len(family.body.outputs)))

    def _access(self, path: Path) -> ast.expr:
        if len(path) == 1 and is_attribute(path[0]):
            return self_attribute(path[0])
        if len(path) == 1 and self._base == "nn.ModuleList":
            return make_subscript(make_name("self"), make_literal(int(path[0])))
        if self._base == "nn.ModuleDict":
            return make_subscript(make_name("self"), make_literal(path[0]))
        make = self._family.body.members[path]
        getter = (
            "get_parameter" if isinstance(make, OwnParameter) else "get_buffer" if is_tensor(make) else "get_submodule"
        )
        return make_call(self_attribute(getter), make_literal(".".join(path)))


class _ArgumentReads(ast.NodeTransformer):
    """Replaces constructor arguments in `forward` by attributes of the module, and adds them to `kept`."""

    def __init__(self, arguments: set[str], kept: dict[str, str], taken: frozenset[str]) -> None:
        self._arguments, self._kept, self._free = arguments, kept, UniqueNames(taken)

    def rename_leaf(self, leaf: object) -> object:
        return self.visit(leaf) if isinstance(leaf, ast.expr) else leaf

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._arguments:
            return node
        if node.id not in self._kept:
            self._kept[node.id] = self._free.take(node.id)
        return self_attribute(self._kept[node.id])


def append_call(value: ast.expr) -> ast.stmt:
    return ast.Expr(make_call(self_attribute("append"), value))


def add_module_call(owner: ast.expr, key: ast.expr, value: ast.expr) -> ast.stmt:
    made = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    if made == "nn.Buffer" and isinstance(value, ast.Call):
        keywords = {str(word.arg): word.value for word in value.keywords}
        return ast.Expr(make_call(make_attribute(owner, "register_buffer"), key, *value.args, **keywords))
    method = "register_parameter" if made == "nn.Parameter" else "add_module"
    return ast.Expr(make_call(make_attribute(owner, method), key, value))


def _numbered_name(prefix: str, start: int) -> ast.expr:
    """The name of a module in a loop over `i`."""
    number = ast.BinOp(make_name("i"), ast.Add(), make_literal(start)) if start else make_name("i")
    if not prefix:
        return make_call("str", number)
    return ast.JoinedStr([ast.Constant(prefix), ast.FormattedValue(number, -1)])


def _forward_type(count: int) -> ast.expr:
    """The return type of a `forward`."""
    if count == 1:
        return make_name("Tensor")
    several = [make_name("Tensor"), ast.Constant(...)] if count > 4 else [make_name("Tensor")] * count
    return make_subscript(make_name("tuple"), make_sequence(several))


def construct_module(make: Constructor | OwnParameter) -> ast.expr:
    """The expression that constructs a module or a parameter, without options that are the defaults."""
    if isinstance(make, OwnParameter):
        return format_parameter(make)
    if isinstance(make.target, ClassTemplate):
        return _construct_template(make, make.target)
    positional = POSITIONAL.get(make.target, ())
    defaults = DEFAULTS.get(make.target, {})
    args: list[ast.expr] = []
    keywords: dict[str, ast.expr] = {}
    for word, option in make.options:
        value = _construct_option(option)
        if word in defaults and is_literal(value, defaults[word]):
            continue
        if (word in positional and not keywords) or not word:
            args.append(value)
        else:
            keywords[word] = value
    return make_call_from(_shorten_torch_name(make.target), args, keywords)


def _construct_option(option: Option) -> ast.expr:
    if isinstance(option, Constructor):
        return construct_module(option)
    return option if isinstance(option, ast.expr) else make_literal(option)


def _construct_template(make: Constructor, family: ClassTemplate) -> ast.expr:
    args: list[ast.expr] = []
    keywords: dict[str, ast.expr] = {}
    options = dict(make.options)
    required = sum(not argument.has_default for argument in family.arguments)
    for argument in family.arguments:
        value = _construct_option(options[argument.name])
        if argument.has_default and is_literal(value, argument.default):
            continue
        if argument.has_default or required > 3:
            keywords[argument.name] = value
        else:
            args.append(value)
    if family.optional is not None and options[family.optional] is not None:
        keywords[family.optional] = _construct_option(options[family.optional])
    return make_call_from(family.name, args, keywords)


def _shorten_torch_name(target: str) -> str:
    return f"nn.{target.removeprefix('torch.nn.')}" if target.startswith("torch.nn.") else target.rpartition(".")[2]


def annotate_type(values: tuple[object, ...]) -> ast.expr:
    """The annotation of an argument with these values."""
    return parse_expression(_union_type(values))


def _union_type(values: Iterable[object]) -> str:
    scalars = {type(value).__name__ for value in values if not isinstance(value, tuple)}
    tuples = [value for value in values if isinstance(value, tuple)]
    kinds = {"float"} if scalars == {"int", "float"} else scalars
    return " | ".join(sorted(kinds | ({_tuple_type(tuples)} if tuples else set())))


def _tuple_type(values: list[tuple[object, ...]]) -> str:
    """The type of tuples, of fixed or of any length."""
    inner = _union_type([part for value in values for part in value])
    (length, *others) = {len(value) for value in values}
    fixed = not others and length <= 3 and "float" not in inner
    return f"tuple[{', '.join([inner] * length)}]" if fixed else f"tuple[{inner}, ...]"
