"""A graph as a file of plain PyTorch."""

from __future__ import annotations

import re
from collections import defaultdict

from archspec.backends.arguments import argument_names
from archspec.backends.layout import Part, lay_out
from archspec.backends.source import runtime
from archspec.backends.source.bodies import body_of
from archspec.backends.source.classes import write
from archspec.backends.source.families import families, solve
from archspec.backends.source.initial import method
from archspec.backends.source.model import Body, Family, Make
from archspec.backends.steps import Step, steps_of
from archspec.graph import Graph, Path
from archspec.printable import mask_unprintable

_TAKEN = frozenset(["Tensor", "DropPath", "ColumnDraw", "DropMean", "F"])


def source(graph: Graph, about: str) -> str:
    """The network as the text of a Python module that imports nothing but torch. `about` is its docstring."""
    return _Printer(graph).print(about)


class _Printer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._layout = lay_out(graph)
        self._made: dict[Path, Make] = {}
        self._families: list[Family] = []
        self._homes: dict[Path, tuple[Family, Body]] = {}

    def print(self, about: str) -> str:
        *inner, root = self._layout.parts
        for level in _levels(inner):
            self._level(level)
        body = body_of(root, list(self._layout.inputs.values()), list(self._layout.outputs.values()), self._made)
        if len(self._layout.inputs) == 1 and body.chain is not None and len(body.members) == 0:
            body.chain = None
        top = Family(self._graph.name, [body])
        solve(top)
        self._families.append(top)
        self._christen(top)
        names = self._names(top)
        initial = method(self._steps())
        texts = [
            write(
                one,
                names=names[id(one)],
                before_end=["        self._initialise()"] if one is top and initial else [],
                extra=initial if one is top else [],
            )
            for one in self._families
        ]
        return _file(about, texts, self._runtime())

    def _level(self, parts: list[Part]) -> None:
        distinct = list({part.path: part for part in parts}.values())
        bodies = [body_of(part, list(part.inputs), list(part.outputs), self._made) for part in distinct]
        named = []
        for body in bodies:
            inline = _inline(body)
            if inline is None:
                named.append(body)
            else:
                self._made[body.part.path] = inline
        for family in families(named):
            solve(family)
            self._families.append(family)
            for at, body in enumerate(family.bodies):
                options: list[tuple[str, object]] = [(one.name, one.values[at]) for one in family.arguments]
                if family.optional is not None:
                    makes = [one.make for one in body.members if one.path == (family.optional,)]
                    options.append((family.optional, makes[0] if makes else None))
                self._made[body.part.path] = Make(family, tuple(options))  # type: ignore[arg-type]

    def _christen(self, top: Family) -> None:
        """Gives every class its name, the network first."""
        taken = set(_TAKEN)
        for family in [top, *self._families[:-1]]:
            name = plain = _camel(family.kind)
            number = 2
            while name in taken:
                name, number = f"{plain}{number}", number + 1
            family.name = name
            taken.add(name)

    def _names(self, top: Family) -> dict[int, tuple[str, ...]]:
        """What the arguments of each `forward` are called: of the network as the spec says."""
        found = {}
        for family in self._families:
            count = len(family.bodies[0].inputs)
            words = ["x"] if count == 1 else [f"x{at}" for at in range(count)]
            found[id(family)] = tuple(argument_names(words))
        words = list(self._layout.inputs)
        found[id(top)] = tuple(argument_names(["x"] if words == ["input"] else words))
        return found

    def _steps(self) -> list[Step]:
        return steps_of(self._graph)[0]

    def _runtime(self) -> list[str]:
        calls = (step.kind.state for step in self._steps())
        return sorted({call.target for call in calls if call is not None and runtime.is_ours(call.target)})


def _levels(parts: list[Part]) -> list[list[Part]]:
    """The parts, inner ones first; blocks of one name are on one level, if no block is inside one of its name."""
    inside: dict[Path, set[object]] = defaultdict(set)
    kinds = {part.path: part.scope.kind or part.path for part in parts}
    for part in parts:
        for item in part.flat:
            if isinstance(item, Part):
                inside[part.path].add(item.path)
    below: dict[object, set[object]] = defaultdict(set)
    for path, kind in kinds.items():
        below[kind] |= {kinds[inner] for inner in inside[path]}  # type: ignore[index]
    heights: dict[object, int] = {}

    def height(kind: object, around: frozenset[object]) -> int:
        if kind in around:
            raise RecursionError
        if kind not in heights:
            heights[kind] = 1 + max((height(one, around | {kind}) for one in below[kind]), default=0)
        return heights[kind]

    try:
        level = {path: height(kind, frozenset()) for path, kind in kinds.items()}
    except RecursionError:
        level = {}
        for part in parts:
            level[part.path] = 1 + max((level[one] for one in inside[part.path]), default=0)  # type: ignore[index]
    found: dict[int, list[Part]] = defaultdict(list)
    for part in parts:
        found[level[part.path]].append(part)
    return [found[at] for at in sorted(found)]


def _inline(body: Body) -> Make | None:
    """An unnamed plain chain of a few modules, as an `nn.Sequential`."""
    if body.part.scope.kind or body.chain is None or len(body.members) > 4:
        return None
    if [one.path for one in body.members] != [(str(at),) for at in range(len(body.members))]:
        return None
    makes = tuple(("", one.make) for one in body.members if isinstance(one.make, Make))
    return Make("torch.nn.Sequential", makes)


def _camel(name: str) -> str:
    words = [word for word in re.split(r"[\W_]+", mask_unprintable(name)) if word]
    made = "".join(word[0].upper() + word[1:] for word in words) or "Network"
    return made if made[0].isalpha() else f"Net{made}"


def _file(about: str, classes: list[str], ours: list[str]) -> str:
    printed = [runtime.text(target) for target in ours]
    code = "\n\n\n".join([*(text for text, _ in printed), *classes]) + "\n"
    standard = sorted({line for _, needed in printed for line in needed})
    imports = []
    if re.search(r"\btorch\.", code):
        imports.append("import torch")
    if re.search(r"\bF\.", code):
        imports.append("import torch.nn.functional as F")
    uses_tensor = re.search(r"\bTensor\b", code)
    imports.append("from torch import Tensor, nn" if uses_tensor else "from torch import nn")
    if re.search(r"\boperator\.", code):
        standard.insert(0, "import operator")
    head = [f'"""{about}\n"""', "\n".join(standard), "\n".join(imports)]
    apart = "\n\n\n" if code.startswith("class ") else "\n\n"  # a statement stands nearer to the imports than a class
    return "\n\n".join(part for part in head if part) + apart + code
