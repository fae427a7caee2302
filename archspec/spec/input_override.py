"""Other sizes for the inputs of a spec, given from outside: `--input 3,512,512`, or `input=(3, 512, 512)`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, replace
from typing import Any

from archspec.errors import Collector, raise_spec_error
from archspec.ir.shape import Names, Shape
from archspec.spans import Source, Span
from archspec.spec.bound_tree import GivenInput
from archspec.spec.document import Document
from archspec.spec.inherited_arguments import iter_read_names
from archspec.spec.plausibility import find_known_size
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, format_flow, iter_names
from archspec.suggestions import did_you_mean

ONLY_INPUT = ""
"""Stands for the name of the input where there is one."""

_SEPARATED = re.compile(r"[^\s,;x×*\[\](){}]+")
_BATCH = frozenset(("none", "n", "b", "batch", "?", "-1"))
_MOST_DIGITS = 18


def make_input_sources(given: Any, flag: str = "input=") -> dict[str, Source]:
    """The sources of sizes by the names of the inputs.

    Args:
        given: sizes, as text (`3,512,512`, `3x512x512`, `name=3,512,512`), a number or several; or such by the names of inputs.
        flag: what stands before the text in a message.

    >>> [source.yaml for source in make_input_sources((3, 512, 512)).values()]
    ['3,512,512']
    >>> list(make_input_sources({"left": "3x64x64", "right": 8}))
    ['left', 'right']
    """
    if given is None:
        return {}
    if isinstance(given, AbstractMapping):
        return {
            name: sizes if isinstance(sizes, Source) else _make_source(f"{name}={_format_sizes(sizes)}", flag)[1]
            for name, sizes in given.items()
        }
    return dict([_make_source(_format_sizes(given), flag)])


def _format_sizes(sizes: Any) -> str:
    several = isinstance(sizes, Iterable) and not isinstance(sizes, str | bytes)
    return ",".join(map(str, sizes)) if several else str(sizes)


def _make_source(text: str, flag: str) -> tuple[str, Source]:
    name, equals, _ = text.partition("=")
    start = len(name) + 1 if equals else 0
    source = Source(f"{flag}{' '.join(text.split())[:60]}", text, start=start, numbered=False)
    return (name.strip() if equals else ONLY_INPUT), source


def override_inputs(
    document: Document, given: AbstractMapping[str, Source], overrides: AbstractMapping[str, Source], errors: Collector
) -> tuple[tuple[GivenInput, ...], dict[str, Source]]:
    """Gives inputs of a document other sizes. A size that is an argument alone is the value of that argument.

    Args:
        document: its `inputs` are changed.
        given: the sources of the sizes, by the names of inputs.
        overrides: the values that are given for arguments beside them.
        errors: takes what is wrong.

    Returns:
        The inputs that are given, and the values of arguments that follow.
    """
    own = {key.text: tree for key, tree in document.inputs if isinstance(tree, Sequence | Mapping)}
    if not own:
        return (), {}
    change = _Change(document, own, overrides, errors)
    for name, source in given.items():
        change.read(name, source)
    return change.finish()


@dataclass(frozen=True, slots=True)
class _GivenSize:
    """One size of an input: where it is given, and what the spec has in its place."""

    scalar: Scalar
    own: Tree
    axis: str

    @property
    def value(self) -> int:
        return int(self.scalar.text)


class _Change:
    """The sizes that are given so far."""

    def __init__(
        self,
        document: Document,
        own: dict[str, Sequence | Mapping],
        overrides: AbstractMapping[str, Source],
        errors: Collector,
    ) -> None:
        self.document, self.own, self.overrides, self.errors = document, own, overrides, errors
        self.inputs: dict[str, tuple[Span, list[_GivenSize]]] = {}
        self.known = {name: tuple(find_known_size(item, document) for item in _items(own[name])) for name in own}

    def read(self, given: str, source: Source) -> None:
        """Takes the sizes of one input, if they are such."""
        name = self.find_input(given, source)
        if name is None:
            return
        span, scalars = _read_scalars(source)
        items, axes = _items(self.own[name]), _name_axes(self.own[name])
        if self.check_sizes(name, span, scalars):
            labels = [axis or f"size {number}" for number, axis in enumerate(axes, 1)]
            sizes = [_GivenSize(*parts) for parts in zip(scalars, items, labels, strict=True)]
            self.inputs[name] = span, sizes

    def find_input(self, given: str, source: Source) -> str | None:
        """The name of the input that is meant."""
        place = Span(source, 1, 1, max(1, source.start - 1 if source.start else len(source.text)))
        if given in self.own:
            return given
        if given == ONLY_INPUT and len(self.own) == 1:
            return next(iter(self.own))
        if given == ONLY_INPUT:
            first, tree = next(iter(self.own.items()))
            advice = f"say which one: {first}={self.format_own(first)}" if isinstance(tree, Sequence) else None
            message = f"{self.document.name} has {len(self.own)} inputs: {', '.join(self.own)}"
            self.errors.report(message, place, help=advice)
        else:
            advice = did_you_mean(given, self.own)
            self.errors.report(f"{self.document.name} has no input {given[:60]!r}", place, help=advice)
        return None

    def check_sizes(self, name: str, span: Span, scalars: list[Scalar]) -> bool:
        """Whether sizes are as many as those of an input, and whole. Reports what is wrong."""
        axes, texts = _name_axes(self.own[name]), [scalar.text for scalar in scalars]
        advice = self.advise(name, texts)
        rank = len(axes)
        whole = [text for text in texts if _is_whole(text)]
        if advice is not None or len(texts) != rank:
            own = f"{format_flow(self.own[name])}{_describe_axes(axes)}"
            self.errors.report(
                f"the input of {self.document.name} is {own}; got {','.join(texts)[:60]}", span, help=advice
            )
            return False
        for scalar in scalars:
            if scalar.text not in whole:
                self.errors.report(f"a size is a whole number of at least 1, got {scalar.text[:60]!r}", scalar.span)
        return len(whole) == rank

    def advise(self, name: str, texts: list[str]) -> str | None:
        """What to write in the place of sizes that are without their channels, or have a batch or the channels last."""
        axes, channels = _name_axes(self.own[name]), _first_text(self.own[name])
        rank, first = len(axes), self.known[name][:1]
        image = axes[:1] == ("channels",)
        if len(texts) == rank + 1 and (texts[0].lower() in _BATCH or texts[0].isdecimal()):
            return f"an input has no batch: {','.join(texts[1:])}"
        if texts and texts[0].lower() in _BATCH:
            return "an input has no batch"
        if len(texts) == 1 < rank and texts[0].isdecimal() and image:
            return f"all sizes are needed: {','.join((channels, *texts * (rank - 1)))}"
        if len(texts) == rank - 1 and image and all(map(str.isdecimal, texts)):
            return f"the channels come first: {','.join((channels, *texts))}"
        if image and len(texts) == rank and first == (_whole(texts[-1]),) and first != (_whole(texts[0]),):
            return f"the channels come first: {','.join((texts[-1], *texts[:-1]))}"
        return f"for example {self.format_own(name)}" if len(texts) != rank else None

    def format_own(self, name: str) -> str:
        """The sizes of the spec, as an option gives them."""
        return ",".join("…" if size is None else str(size) for size in self.known[name])

    def finish(self) -> tuple[tuple[GivenInput, ...], dict[str, Source]]:
        """Puts the sizes into the document; gives what was given, and the values of arguments."""
        arguments = self.find_arguments()
        if self.errors.diagnostics:
            return (), {}
        changed = {name: self.replace_sizes(name, arguments.keys()) for name in self.inputs}
        self.document.inputs = tuple((key, changed.get(key.text, tree)) for key, tree in self.document.inputs)
        given = tuple(
            GivenInput(
                name,
                span,
                tuple(size.value for size in sizes),
                self.known[name],
                _name_axes(self.own[name]),
                literal=_items(changed[name]) != _items(self.own[name]),
            )
            for name, (span, sizes) in self.inputs.items()
        )
        return given, arguments

    def replace_sizes(self, name: str, arguments: Collection[str]) -> Sequence | Mapping:
        """An input with its sizes replaced, but for arguments that have the value, and arithmetic that has it already."""
        span, sizes = self.inputs[name]
        items = tuple(
            size.own if _argument_of(size.own, self.document) in arguments or size.value == known else size.scalar
            for size, known in zip(sizes, self.known[name], strict=True)
        )
        own = self.own[name]
        if isinstance(own, Sequence):
            return Sequence(span, items)
        return Mapping(span, tuple((key, item) for (key, _), item in zip(own, items, strict=True)))

    def find_arguments(self) -> dict[str, Source]:
        """The values of arguments that stand for sizes. Reports what no value of an argument gives."""
        wanted: dict[str, list[_GivenSize]] = defaultdict(list)
        for name, (_, sizes) in self.inputs.items():
            for size, known in zip(sizes, self.known[name], strict=True):
                argument = _argument_of(size.own, self.document)
                if argument is not None:
                    wanted[argument].append(size)
                elif size.value != known:
                    self.check_arithmetic(size)
        return {argument: source for argument in wanted for source in self.agree(argument, wanted[argument])}

    def agree(self, argument: str, sizes: list[_GivenSize]) -> Iterator[Source]:
        """The value of an argument, where all sizes that it stands for are one."""
        values = dict.fromkeys(size.value for size in sizes)
        text, given = str(sizes[0].value), self.overrides.get(argument)
        if len(values) == 1 and given is not None and given.yaml.strip() != text:
            message = f"the {sizes[0].axis} is {argument!r}, which is given as {given.yaml.strip()[:60]}, got {text}"
            self.errors.report(message, sizes[0].scalar.span, help=f"leave out one of {argument} and the input")
        elif len(values) == 1:
            yield Source.option(argument, text)
        elif argument in self.names_elsewhere:
            axes = " and ".join(size.axis for size in sizes)
            message = f"{axes} of the input are both {argument!r} in {self.document.name}, got {_join(values)}"
            self.errors.report(message, sizes[-1].scalar.span, help="give one size, or make two arguments of it")

    def check_arithmetic(self, size: _GivenSize) -> None:
        """Reports a size in the place of arithmetic whose arguments are read elsewhere."""
        read = [name for name in iter_names(size.own) if name in self.document.args and name in self.names_elsewhere]
        if read:
            message = f"the {size.axis} is {format_flow(size.own)} in {self.document.name}, got {size.value}"
            self.errors.report(message, size.scalar.span, help=f"give a value for {read[0]}, which other layers read")

    @property
    def names_elsewhere(self) -> set[str]:
        """The names that the document reads outside its inputs."""
        return set(iter_read_names(replace(self.document, inputs=())))


def _read_scalars(source: Source) -> tuple[Span, list[Scalar]]:
    """The sizes that a text has, each at its place. Raises `SpecError` where there is none."""
    whole = Span(source, 1, source.start + 1, max(1, len(source.yaml)))
    matches = _SEPARATED.finditer(source.text, source.start)
    scalars = [Scalar(Span(source, 1, match.start() + 1, len(match[0])), match[0]) for match in matches]
    if not scalars:
        raise_spec_error("an input has at least one size, got none", whole, None, help="for example 3,512,512")
    return whole, scalars


def _items(tree: Sequence | Mapping) -> tuple[Tree, ...]:
    return tree.items if isinstance(tree, Sequence) else tuple(value for _, value in tree)


def _name_axes(tree: Sequence | Mapping) -> Names:
    if isinstance(tree, Sequence):
        return Shape.of(*range(len(tree.items))).names
    return tuple(tree.keys)  # type: ignore[arg-type]  # a wrong name is reported where the input is declared


def _first_text(tree: Sequence | Mapping) -> str:
    first = _items(tree)[0]
    return first.text if isinstance(first, Scalar) else "3"


def _argument_of(tree: Tree, document: Document) -> str | None:
    """The argument that a size of the spec is, if it is one alone."""
    return tree.text if isinstance(tree, Scalar) and tree.plain and tree.text in document.args else None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and int(text) > 0


def _whole(text: str) -> int | None:
    return int(text) if _is_whole(text) else None


def _describe_axes(axes: Names) -> str:
    words = [axis for axis in axes if axis is not None]
    return f" ({', '.join(words)})" if len(words) == len(axes) > 1 else ""


def _join(values: Iterable[int]) -> str:
    return " and ".join(map(str, values))
