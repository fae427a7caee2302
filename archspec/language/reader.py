"""YAML text to a located tree. Only data comes through: no tags, anchors, aliases, merge keys or duplicate keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from archspec.diagnostics import Diagnostic, Note, Source, Span, SpecError
from archspec.language.limits import DEFAULT, Limits
from archspec.language.tree import Mapping, Scalar, Sequence, Tree

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decode(data: bytes, name: str, limits: Limits = DEFAULT) -> Source:
    """The source of a file's bytes. Raises `SpecError`: too large, not UTF-8."""
    if len(data) > limits.bytes:
        source = Source(name, "")
        raise SpecError(_too_large(Span(source, 1, 1), limits))
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        source = Source(name, before + "�")
        line = before.count("\n") + 1
        place = Span(source, line, len(before) - (before.rfind("\n") + 1) + 1)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise SpecError(Diagnostic(message, place, help="save the file as UTF-8 text")) from None


def read(source: Source, limits: Limits = DEFAULT) -> Tree:
    """The located tree of a source.

    Raises:
        SpecError: it is not YAML, or uses what a spec may not use, or exceeds a limit.
    """
    if len(source.text) > limits.bytes:
        raise SpecError(_too_large(Span(source, 1, 1), limits))
    odd = _UNPRINTABLE.search(source.text)
    if odd:
        raise SpecError(
            Diagnostic(
                f"character U+{ord(odd[0]):04X} is not text",
                _at(source, odd.start()),
                help="a spec is a UTF-8 text file",
            )
        )
    loader = _LOADER(source.text)
    try:
        return _Builder(source, limits).build(_events(loader))
    except yaml.MarkedYAMLError as error:
        raise SpecError(_syntax(error, source)) from None
    finally:
        loader.dispose()


def _events(loader: Any) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()


@dataclass
class _Open:
    """A list or mapping whose end has not come yet."""

    event: yaml.Event
    items: list[Tree] = field(default_factory=list)


class _Builder:
    """Builds the tree from the parser's events, without recursion."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source, self.limits = source, limits
        self.stack: list[_Open] = [_Open(yaml.StreamStartEvent())]
        self.items = 0
        self.documents = 0

    def build(self, events: Iterator[yaml.Event]) -> Tree:
        for event in events:
            self.take(event)
        if not self.stack[0].items:
            raise self.error(
                "the spec is empty", Span(self.source, 1, 1), help="a spec needs at least: name, input, stages"
            )
        return self.stack[0].items[0]

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self.error("a spec is one YAML document; here a second one begins", self.span(event))
        elif isinstance(event, yaml.NodeEvent):
            self.node(event)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self.close()

    def node(self, event: yaml.NodeEvent) -> None:
        span = self.span(event)
        self.refuse(event, span)
        self.items += 1
        if self.items > self.limits.items:
            raise self.error(f"a spec has at most {self.limits.items:,} items", span)
        if isinstance(event, yaml.ScalarEvent):
            self.stack[-1].items.append(Scalar(span, event.value, plain=event.implicit[0]))
            return
        self.stack.append(_Open(event))
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
                f"a tag ({tag[:60]}) is not part of the language",
                span,
                help="a spec is data: numbers, words, lists and mappings",
            )

    def close(self) -> None:
        done = self.stack.pop()
        span = self.span(done.event)
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
                    "a merge key (<<) is not part of the language", key.span, help="use a block, or extends"
                )
            if key.text in seen:
                first = seen[key.text].span
                raise self.error(
                    f"the key {key.text[:60]!r} stands here twice", key.span, notes=(Note(first, "first here"),)
                )
            seen[key.text] = key
            entries.append((key, value))
        return tuple(entries)

    def span(self, event: yaml.Event) -> Span:
        start: Any = event.start_mark
        end: Any = event.end_mark
        if end.line == start.line:
            length = end.column - start.column
        else:
            length = len(self.source.line(start.line + 1).rstrip()) - start.column
        return Span(self.source, start.line + 1, start.column + 1, max(1, length))

    @staticmethod
    def error(message: str, span: Span, *, help: str | None = None, notes: tuple[Note, ...] = ()) -> SpecError:
        return SpecError(Diagnostic(message, span, help=help, notes=notes))


def _too_large(span: Span, limits: Limits) -> Diagnostic:
    return Diagnostic(f"a spec has at most {limits.bytes:,} bytes", span)


def _at(source: Source, index: int) -> Span:
    line_start = source.text.rfind("\n", 0, index) + 1
    return Span(source, source.text.count("\n", 0, index) + 1, index - line_start + 1)


def _syntax(error: Any, source: Source) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    span = Span(source, mark.line + 1, mark.column + 1) if mark else Span(source, 1, 1)
    problem = str(error.problem or error.context or "not YAML")
    notes: tuple[Note, ...] = ()
    if (
        error.context
        and error.context_mark
        and error.problem_mark
        and error.context_mark.line != error.problem_mark.line
    ):
        notes = (Note(Span(source, error.context_mark.line + 1, error.context_mark.column + 1), str(error.context)),)
    return Diagnostic(
        f"this is not YAML: {problem}", span, notes=notes, help=_advice(problem, source.line(span.line), span)
    )


def _advice(problem: str, line: str, span: Span) -> str | None:
    if "\t" in line[: span.column]:
        return "indent with spaces; YAML allows no tabs there"
    if "mapping values are not allowed" in problem:
        return "a second ': ' on this line; quote the text, or put the mapping in braces"
    if "expected ',' or" in problem:
        return "a comma or a closing bracket is missing"
    return None
