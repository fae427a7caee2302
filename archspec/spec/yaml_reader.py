"""Parses YAML into a located tree; tags, anchors, aliases, merge keys and duplicate keys are errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from archspec import meter
from archspec.errors import Diagnostic, LimitError, Note, SpecError, merge_diagnostics
from archspec.spans import Source, Span
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.lookalike_characters import find_odd_characters
from archspec.spec.syntax import explain_yaml_error, mark_place
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree

SMALLEST = "a spec has at least a name, an input and stages, e.g. {name: a, input: [3, 8, 8], stages: {one: relu}}"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BYTES = 64  # bytes that are read for one unit of work
_ITEM = 8  # units of work for a scalar, list or mapping
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decode_source(data: bytes, name: str, limits: Limits = DEFAULT) -> Source:
    """The source of a file's bytes.

    Raises:
        SpecError: the file is too large, or not UTF-8.

    >>> decode_source(b"name: a", "net.yaml").text
    'name: a'
    """
    if len(data) > limits.bytes:
        source = Source(name, "")
        raise LimitError(_size_diagnostic(Span(source, 1, 1), limits))
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        source = Source(name, before + "�")
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise SpecError(
            Diagnostic(message, _locate_index(source, len(before)), help="save the file as UTF-8 text")
        ) from None


def read_tree(source: Source, limits: Limits = DEFAULT) -> Tree:
    """The located tree of a source.

    Raises:
        SpecError: it is not YAML, uses a feature that specs exclude, or exceeds a limit.
    """
    if len(source.text) > limits.bytes:
        raise LimitError(_size_diagnostic(Span(source, 1, 1), limits))
    meter.charge_work("reading", len(source.text) // _BYTES)
    odd = _UNPRINTABLE.search(source.text)
    if odd:
        raise SpecError(_character_diagnostic(source, odd.start()))
    loader = _LOADER(source.yaml)
    try:
        tree = _TreeBuilder(source, limits).build(_iter_events(loader))
    except yaml.MarkedYAMLError as error:
        raise SpecError(explain_yaml_error(error, source)) from None
    except yaml.reader.ReaderError as error:
        raise SpecError(
            _character_diagnostic(source, min(error.position + source.start, len(source.text) - 1))
        ) from None
    finally:
        loader.dispose()
    if not source.text.isascii():
        odd_characters = tuple(find_odd_characters(tree))
        if odd_characters:
            raise SpecError(*merge_diagnostics(odd_characters))
    return tree


def _iter_events(loader: Any) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()


@dataclass
class _OpenCollection:
    """A list or mapping whose end has not been parsed."""

    event: yaml.Event
    items: list[Tree] = field(default_factory=list)


class _TreeBuilder:
    """Builds the tree from the parser's events, without recursion."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source, self.limits = source, limits
        self.stack: list[_OpenCollection] = [_OpenCollection(yaml.StreamStartEvent())]
        self.meter = meter.find_meter()
        self.items = 0
        self.documents = 0

    def build(self, events: Iterator[yaml.Event]) -> Tree:
        for event in events:
            self.take(event)
        if not self.stack[0].items:
            raise self.error("the spec is empty", Span(self.source, 1, 1), help=SMALLEST)
        return self.stack[0].items[0]

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self.error("a spec is one YAML document; here a second one begins", self.span(event))
        elif isinstance(event, yaml.NodeEvent):
            self.node(event)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self.close(event)

    def node(self, event: yaml.NodeEvent) -> None:
        span = self.span(event)
        self.refuse(event, span)
        self.items += 1
        self.meter.charge("reading", _ITEM, span)
        if self.items > self.limits.items:
            raise self.error(f"a spec has at most {self.limits.items:,} items", span)
        if isinstance(event, yaml.ScalarEvent):
            self.stack[-1].items.append(Scalar(span, event.value, plain=event.implicit[0]))
            return
        self.stack.append(_OpenCollection(event))
        if len(self.stack) > self.limits.depth + 1:
            raise self.error(f"more than {self.limits.depth} levels of nesting", span)

    def refuse(self, event: yaml.NodeEvent, span: Span) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self.error(
                f"an alias (*{str(event.anchor)[:60]}) is not part of the language",
                span,
                help="name what repeats in blocks and use it by its name",
            )
        if event.anchor is not None:
            raise self.error(
                f"an anchor (&{event.anchor[:60]}) is not part of the language",
                span,
                help="name what repeats in blocks and use it by its name",
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self.error(
                f"a tag ({tag[:60].replace('tag:yaml.org,2002:', '!!')}) is not part of the language",
                span,
                help="a spec is data: numbers, words, lists and mappings",
            )

    def close(self, end: yaml.Event) -> None:
        done = self.stack.pop()
        span = self.span(done.event, end if getattr(done.event, "flow_style", False) else None)
        tree: Tree
        if isinstance(done.event, yaml.SequenceStartEvent):
            tree = Sequence(span, tuple(done.items))
        else:
            tree = Mapping(span, self.entries(done.items))
        self.stack[-1].items.append(tree)

    def entries(self, items: list[Tree]) -> tuple[tuple[Scalar, Tree], ...]:
        seen: dict[str, Scalar] = {}
        entries = []
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise self.error("a key is a word, not a list or a mapping", key.span)
            if key.plain and key.text == "<<":
                raise self.error(
                    "a merge key (<<) is not part of the language",
                    key.span,
                    help="what repeats stands in blocks, or in a spec that this one extends",
                )
            if key.text in seen:
                first = seen[key.text].span
                raise self.error(
                    f"the key {key.text[:60]!r} stands here twice", key.span, notes=(Note(first, "first here"),)
                )
            seen[key.text] = key
            entries.append((key, value))
        return tuple(entries)

    def span(self, event: yaml.Event, last: yaml.Event | None = None) -> Span:
        """The span from an event to the `last` event of its collection, cut at the end of its first line."""
        start: Any = event.start_mark
        end: Any = (last or event).end_mark
        opening = mark_place(start, self.source)
        if end.line == start.line:
            length = end.column - start.column
        else:
            length = len(self.source.line(opening.line).rstrip()) - opening.column + 1
        return opening.subspan(0, length)

    @staticmethod
    def error(message: str, span: Span, *, help: str | None = None, notes: tuple[Note, ...] = ()) -> SpecError:
        return SpecError(Diagnostic(message, span, help=help, notes=notes))


def _size_diagnostic(span: Span, limits: Limits) -> Diagnostic:
    return Diagnostic(f"a spec has at most {limits.bytes:,} bytes", span)


def _character_diagnostic(source: Source, index: int) -> Diagnostic:
    message = f"character U+{ord(source.text[index]):04X} is not text"
    return Diagnostic(message, _locate_index(source, index), help="a spec is a UTF-8 text file")


def _locate_index(source: Source, index: int) -> Span:
    lines = (source.text[:index] + ".").splitlines()
    return Span(source, len(lines), len(lines[-1]))
