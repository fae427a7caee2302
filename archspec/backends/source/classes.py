"""A family of bodies as the text of a class."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archspec.backends.source.defaults import DEFAULTS, POSITIONAL
from archspec.backends.source.families import literal
from archspec.backends.source.forward import Forward
from archspec.backends.source.initial import parameter
from archspec.backends.source.model import Family, Make, Member, Run, Weight, is_number
from archspec.backends.source.sequences import Way, ways
from archspec.backends.source.text import Invoke, lines, rolled


def write(family: Family, *, names: tuple[str, ...], before_end: list[str], extra: list[str]) -> str:
    """The class of a family; `names` are the arguments of its `forward`."""
    return _Writer(family, names).write(before_end, extra)


_CONTAINERS = frozenset(["append", "extend", "insert", "pop", "clear", "keys", "items", "values", "update"])
"""Names that a container of torch uses itself."""


class _Writer:
    def __init__(self, family: Family, names: tuple[str, ...]) -> None:
        self._family, self._names = family, names
        self._body = family.bodies[0]
        self._numbers = iter(family.texts.values())
        self._base = self._choose_base()
        self._stored: dict[str, None] = {}

    def _choose_base(self) -> str:
        if self._body.chain is not None:
            return "nn.Sequential"
        heads = list(dict.fromkeys(member.path[0] for member in self._body.members))
        numbers = [int(head) for head in heads if head.isdigit()]
        deep = any(len(member.path) > 1 for member in self._body.members)
        plain = all(head.isidentifier() for head in heads)
        weights = any(isinstance(one.make, Weight) and not one.path[0].isidentifier() for one in self._body.members)
        if plain or deep or weights or _CONTAINERS & set(heads):
            return "nn.Module"
        listed = len(numbers) == sum(not head.isidentifier() for head in heads)
        return "nn.ModuleList" if listed and numbers == list(range(len(numbers))) else "nn.ModuleDict"

    def write(self, before_end: list[str], extra: list[str]) -> str:
        family = self._family
        made = rolled(list(self._members()))
        forward: list[str] = []
        if self._body.chain is None:
            forward = self._forward()
        for name in self._stored:
            made.append(f"        self.{name} = {name}")
        head = [f"class {family.name}({self._base}):"]
        result = [*head, *self._signature(), "        super().__init__()", *made, *before_end]
        for block in (extra, forward):
            if block:
                result += ["", *block]
        return "\n".join(result)

    def _signature(self) -> list[str]:
        arguments: list[tuple[str, str | Invoke]] = [("", "self")]
        for one in self._family.arguments:
            default = f" = {literal(one.default)}" if one.has_default else ""
            arguments.append(("", f"{one.name}: {annotation(one.values)}{default}"))
        if self._family.optional is not None:
            arguments.append(("", f"{self._family.optional}: nn.Module | None = None"))
        return lines("def ", Invoke("__init__", tuple(arguments)), " -> None:", 4)

    def _members(self) -> Iterator[str]:
        if self._body.chain is not None:
            runs = iter(range(len(self._body.chain)))
            for at in runs:
                yield from self._item(at)
            return
        containers: set[tuple[str, ...]] = set()
        for member in self._body.members:
            if member.path == (self._family.optional,):
                yield f"        self.{member.path[0]} = {member.path[0]}"
                continue
            for end in range(1, len(member.path)):
                if member.path[:end] not in containers:
                    containers.add(member.path[:end])
                    yield from self._put(member.path[:end], "nn.Module()")
            yield from self._put(member.path, self._make(member.make))

    def _put(self, path: tuple[str, ...], what: str | Invoke) -> list[str]:
        *above, name = path
        owner = f'self.get_submodule("{".".join(above)}")' if above else "self"
        weight = str(what).startswith("nn.Parameter")
        if not above and name.isidentifier():
            return lines(f"self.{name} = ", what, indent=8)
        if not above and name.isdigit() and self._base == "nn.ModuleList":
            heads = list(dict.fromkeys(one.path[0] for one in self._body.members))
            if self._family.optional is None and heads.index(name) == int(name) and isinstance(what, Invoke):
                return self._append(what)
        if not above and self._base == "nn.ModuleDict":
            return lines(f'self["{name}"] = ', what, indent=8)
        method = "register_parameter" if weight else "add_module"
        return lines("", Invoke(f"{owner}.{method}", (("", f'"{name}"'), ("", what))), indent=8)

    def _append(self, what: Invoke) -> list[str]:
        return lines("", Invoke("self.append", (("", what),)), indent=8)

    def _item(self, at: int) -> list[str]:
        chain = self._body.chain or []
        item = chain[at]
        if isinstance(item, Member):
            what = self._make(item.make)
            name = item.path[0]
            if name.isidentifier():
                return lines(f"self.{name} = ", what, indent=8)
            return lines("", Invoke("self.add_module", (("", f'"{name}"'), ("", what))), indent=8)
        runs = [one for body in self._family.bodies if body.chain for one in [body.chain[at]] if isinstance(one, Run)]
        count = "1" if item.single else next(self._numbers)
        before = sum(len(one.makes) if isinstance(one, Run) else 1 for one in chain[:at])
        appends = item.prefix == "" and item.start == before
        turn = _Turn(ways(runs), self._numbers)
        what = self._make(item.makes[0], iter(turn.texts))
        if count == "1":
            return self._append(what) if appends else self._named(f'"{item.prefix}{item.start}"', what, item)
        number = turn.index if not item.start else f"{turn.index} + {item.start}"
        indexed = not appends or turn.indexed
        put = Invoke("self.append", (("", what),))
        if not appends:
            name = f'f"{item.prefix}{{{number}}}"' if item.prefix else f"str({number})"
            put = Invoke("self.add_module", (("", name), ("", what)))
        return [f"        for {turn.head(count, indexed=indexed)}:", *lines("", put, indent=12)]

    def _named(self, name: str, what: Invoke, item: Run) -> list[str]:
        if item.prefix:
            return lines(f"self.{item.prefix}{item.start} = ", what, indent=8)
        return lines("", Invoke("self.add_module", (("", name), ("", what))), indent=8)

    def _make(self, make: Make | Weight, numbers: Iterator[str] | None = None) -> Invoke:
        numbers = self._numbers if numbers is None else numbers
        if isinstance(make, Weight):
            return parameter(make, [next(numbers) for _ in make.sizes])
        return constructed(make, numbers)

    def _forward(self) -> list[str]:
        numbers = [self._own(text) for text in self._numbers]
        code = self._statements(numbers, frozenset())
        results = len(self._body.outputs)
        type_ = "Tensor" if results == 1 else f"tuple[{', '.join(['Tensor'] * results)}]"
        arguments = (("", "self"), *(("", f"{name}: Tensor") for name in self._names))
        return [*lines("def ", Invoke("forward", arguments), f" -> {type_}:", 4), *rolled(code)]

    def _statements(self, numbers: list[str], annotate: frozenset[str]) -> list[str]:
        """The lines of `forward`; a second time if a type makes one of them longer."""
        writer = Forward(
            self._body,
            access=self._access,
            numbers=iter(numbers),
            optional=self._family.optional,
            names=self._names,
            annotate=annotate,
        )
        code = writer.write()
        return self._statements(numbers, frozenset(writer.annotated)) if writer.annotated and not annotate else code

    def _own(self, text: str) -> str:
        """A number of `forward`: an argument of the constructor is found on the module."""
        for one in self._family.arguments:
            found = re.sub(rf"\b(?<!\.){one.name}\b", f"self.{one.name}", text)
            if found != text:
                self._stored[one.name] = None
                text = found
        return text

    def _access(self, path: tuple[str, ...]) -> str:
        name = path[0]
        member = next(one for one in self._body.members if one.path == path)
        if len(path) == 1 and name.isidentifier():
            return f"self.{name}"
        if len(path) == 1 and name.isdigit() and self._base == "nn.ModuleList":
            return f"self[{name}]"
        if self._base == "nn.ModuleDict":
            return f'self["{name}"]'
        getter = "get_parameter" if isinstance(member.make, Weight) else "get_submodule"
        return f'self.{getter}("{".".join(path)}")'


class _Turn:
    """What changes from turn to turn of a loop."""

    def __init__(self, changing: list[Way], numbers: Iterator[str]) -> None:
        self.index = "i"
        self.texts: list[str] = []
        self._lists: list[tuple[str, str]] = []
        self.indexed = False
        for way in changing:
            self.texts.append(self._text(way, numbers))

    def _text(self, way: Way, numbers: Iterator[str]) -> str:
        if way.kind == "same":
            return next(numbers)
        if way.kind == "listed":
            name = f"value{len(self._lists) or ''}"
            self._lists.append((name, next(numbers)))
            return name
        self.indexed = True
        first, step = next(numbers), next(numbers)
        product = "i" if step == "1" else f"{_bracketed(step)} * i"
        total = product if first == "0" else f"{first} + {product}"
        return (
            total if way.kind == "grows" else f"{f'({total})' if ' ' in total else total} / {_bracketed(next(numbers))}"
        )

    def head(self, count: str, *, indexed: bool) -> str:
        if not self._lists:
            return f"{'i' if indexed else '_'} in range({count})"
        names = ", ".join(name for name, _ in self._lists)
        lists = ", ".join(values for _, values in self._lists)
        together = lists if len(self._lists) == 1 else f"zip({lists})"
        if not indexed:
            return f"{names} in {together}"
        return f"i, {names if len(self._lists) == 1 else f'({names})'} in enumerate({together})"


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text else text


def constructed(make: Make, numbers: Iterator[str]) -> Invoke:
    """A module's construction, without the options that are the defaults."""
    if isinstance(make.target, Family):
        return _of_family(make, make.target, numbers)
    positional = POSITIONAL.get(make.target, ())
    defaults = DEFAULTS.get(make.target, {})
    arguments: list[tuple[str, str | Invoke]] = []
    skipped = False
    for name, value in make.options:
        if isinstance(value, Make):
            arguments.append((name, constructed(value, numbers)))
            continue
        text = next(numbers) if is_number(value) else literal(value)
        if name in defaults and text == literal(defaults[name]):
            skipped = True
            continue
        arguments.append(("" if name in positional and not skipped else name, text))
    return Invoke(_torch_name(make.target), tuple(arguments))


def _of_family(make: Make, family: Family, numbers: Iterator[str]) -> Invoke:
    arguments: list[tuple[str, str | Invoke]] = []
    skipped = False
    options = dict(make.options)
    required = sum(not one.has_default for one in family.arguments)
    for one in family.arguments:
        text = next(numbers)
        if one.has_default and text == literal(one.default):
            skipped = True
            continue
        named = skipped or one.has_default or required > 3
        arguments.append((one.name if named else "", text))
    if family.optional is not None:
        given = options[family.optional]
        if isinstance(given, Make):
            arguments.append((family.optional, constructed(given, numbers)))
    return Invoke(family.name, tuple(arguments))


def _torch_name(target: str) -> str:
    return f"nn.{target.removeprefix('torch.nn.')}" if target.startswith("torch.nn.") else target.rpartition(".")[2]


def annotation(values: tuple[object, ...]) -> str:
    """The type of an argument that has these values."""
    found = {_type(value) for value in values}
    if found == {"int", "float"}:
        return "float"
    return " | ".join(sorted(found))


def _type(value: object) -> str:
    if isinstance(value, tuple):
        kinds = {_type(one) for one in value}
        inner = sorted(kinds)
        if len(inner) == 1 and (len(value) > 3 or isinstance(value[0], float)):
            return f"tuple[{inner[0]}, ...]"
        return f"tuple[{', '.join(_type(one) for one in value)}]"
    return type(value).__name__
