"""Defines sources, spans, diagnostics and the base classes of errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn

from archspec import meter
from archspec.printable import escape_unprintable, mask_unprintable, shorten_text
from archspec.spans import Span, Use

_SHOWN_LINE = 160  # the most characters of a source line, which is cut around the carets
_LEAST_SHOWN = 20  # the fewest characters of a source line on a narrow screen
_MARGIN = 8  # columns before a source line
_SHOWN_USES = 20  # the most uses of blocks, innermost first; the outermost is always shown
_MOST_SHOWN = 1000  # the most characters of one line of a diagnostic
_REPORT = 50  # units of work for one diagnostic
_SHOWN_PLACES = 8  # the most further places of a merged diagnostic

Severity = Literal["error", "warning"]
"""An error means that a spec is no network; a warning is about a part that has no effect or is implausible."""


@dataclass(frozen=True, slots=True)
class Note:
    """A further span of a diagnostic, with a remark.

    >>> from archspec.spans import Source
    >>> Note(Span(Source("net.yaml", "name: a"), 1, 7), "and here").text
    'and here'
    """

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning about a spec, with its span. `str` of it shows the line of the source.

    >>> from archspec.spans import Source
    >>> print(Diagnostic("expected a list", Span(Source("net.yaml", "name: a"), 1, 7)))
    net.yaml:1:7: error: expected a list
        1 | name: a
          |       ^
    """

    message: str
    span: Span
    notes: tuple[Note, ...] = ()
    use: Use | None = None
    help: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = None) -> str:
        """The diagnostic as lines of text; the excerpt of the source is at most `width` wide, if that is given."""
        return _format_diagnostic(self, width)

    def as_dict(self) -> dict[str, object]:
        """The diagnostic as plain data, for `--json`."""
        return {
            "severity": self.severity,
            "file": self.span.source.name,
            "line": self.span.line,
            "column": self.span.column,
            "length": self.span.length,
            "message": _cut_text(self.message),
            "notes": [{"at": str(note.span), "text": _cut_text(note.text)} for note in self.notes],
            "uses": [{"block": str(use), "at": str(use.span)} for use in self.use.enclosing_uses()] if self.use else [],
            "help": _cut_text(self.help) if self.help else None,
        }


class ArchspecError(Exception):
    """The base class of all errors that archspec raises.

    Each error is also a builtin error of its kind: `ValueError`, `LookupError`, `OSError`, …

    >>> import archspec
    >>> try:
    ...     archspec.load("resnet18").paths(source="layer9")
    ... except ArchspecError as error:
    ...     print(error)
    the network has no part, input or output 'layer9'; did you mean 'layer4'?
    """


class ExportError(ArchspecError, RuntimeError):
    """Raised if a network cannot be written in a format, or not on this machine.

    >>> import archspec
    >>> archspec.load("resnet18").save("resnet18.txt")
    Traceback (most recent call last):
        ...
    archspec.errors.ExportError: expected a file that ends in .svg, .png, .pdf, .dot, .mmd, .html, .tex, .csv, .md, .py, .pt2, .onnx, .safetensors, .pt, .pth, .yaml, .yml, not 'resnet18.txt'
    """


class SpecError(ArchspecError, ValueError):
    """Raised for a spec with errors; `diagnostics` are all of them, each with its span.

    >>> import archspec
    >>> try:
    ...     archspec.load("{name: a, input: [8], stages: {fc: {linaer: 4}}}")
    ... except SpecError as error:
    ...     print(error.diagnostics[0].message, "|", error.diagnostics[0].help)
    'linaer' is no op, block, layer argument or named value here | did you mean 'linear'?
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.diagnostics))


class LimitError(SpecError):
    """Raised if a spec exceeds a limit; nothing after that span is checked.

    >>> import archspec
    >>> archspec.check("{name: a, input: [8], stages: {body: {repeat: {times: 9, layers: relu}}}}", limits=archspec.Limits(nodes=5))[0].message
    'the network would have more than 5 nodes'
    """


MOST = 100
"""The most diagnostics of one spec that are reported."""


def raise_spec_error(
    message: str, span: Span, use: Use | None, *, help: str | None = None, notes: tuple[Note, ...] = ()
) -> NoReturn:
    """Raises `SpecError` with one diagnostic."""
    raise SpecError(Diagnostic(message, span, notes, use, help))


@dataclass
class Collector:
    """Collects independent diagnostics, at most a hundred, to raise them together."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    """Errors."""
    warnings: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[str, Span]] = field(default_factory=set)

    def report(
        self, message: str, span: Span, *, help: str | None = None, notes: tuple[Note, ...] = (), use: Use | None = None
    ) -> None:
        """Adds an error once. Raises `SpecError` when there are a hundred."""
        if (message, span) in self._seen:
            return
        self._seen.add((message, span))
        meter.charge_work("diagnostics", _REPORT)
        self.diagnostics.append(Diagnostic(message, span, notes=notes, use=use, help=help))
        if len(self.diagnostics) >= MOST:
            self.raise_if_any()

    def warn(self, message: str, span: Span, *, help: str | None = None, notes: tuple[Note, ...] = ()) -> None:
        """Adds a warning once, up to a hundred."""
        if (message, span) not in self._seen and len(self.warnings) < MOST:
            self._seen.add((message, span))
            self.warnings.append(Diagnostic(message, span, notes=notes, help=help, severity="warning"))

    def raise_if_any(self) -> None:
        """Raises `SpecError` with all errors and warnings, if there is an error."""
        if self.diagnostics:
            raise SpecError(*merge_diagnostics((*self.diagnostics, *self.warnings)))


def diagnostic_order(diagnostic: Diagnostic) -> tuple[str, int, int]:
    """The sort key of diagnostics: file, line, column."""
    return diagnostic.span.source.name, diagnostic.span.line, diagnostic.span.column


def merge_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics sorted by span; those with the same message become one, with the other spans as notes."""
    same: dict[tuple[object, ...], list[Diagnostic]] = {}
    for diagnostic in sorted(diagnostics, key=diagnostic_order):
        use = (str(diagnostic.use), diagnostic.use.span) if diagnostic.use is not None else None
        same.setdefault((diagnostic.severity, diagnostic.message, diagnostic.help, use), []).append(diagnostic)
    return tuple(_with_others(first, others) for first, *others in same.values())


def _with_others(first: Diagnostic, others: list[Diagnostic]) -> Diagnostic:
    notes = [Note(other.span, "and here") for other in others[:_SHOWN_PLACES]]
    if len(others) > _SHOWN_PLACES:
        notes[-1] = Note(notes[-1].span, f"and here, and at {len(others) - _SHOWN_PLACES} more places")
    return replace(first, notes=(*first.notes, *notes))


def _format_diagnostic(diagnostic: Diagnostic, screen: int | None) -> str:
    """The lines of a diagnostic, cut and with unprintable characters escaped."""
    return "\n".join(escape_unprintable(_cut_text(line)) for line in _iter_lines(diagnostic, screen))


def _cut_text(text: str) -> str:
    """A text, cut to the length that a diagnostic shows."""
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"


def _iter_lines(diagnostic: Diagnostic, screen: int | None) -> Iterable[str]:
    span = diagnostic.span
    yield f"{span}: {diagnostic.severity}: {diagnostic.message}"
    yield from _quote_source_line(
        span, _SHOWN_LINE if screen is None else max(_LEAST_SHOWN, min(_SHOWN_LINE, screen - _MARGIN))
    )
    width = max((len(_format_location(note.span, span)) for note in diagnostic.notes), default=0)
    for note in diagnostic.notes:
        yield f"   {_format_location(note.span, span):<{width}}  {note.text}"
    uses = list(diagnostic.use.enclosing_uses()) if diagnostic.use else []
    yield from map(_format_use, uses[:_SHOWN_USES])
    if len(uses) > _SHOWN_USES:
        yield f"   … {len(uses) - _SHOWN_USES - 1} more"
        yield _format_use(uses[-1])
    if diagnostic.help:
        yield f"   help: {diagnostic.help}"


def _format_use(use: Use) -> str:
    return f"   in {shorten_text(str(use), 120)}, used at {use.span}"


def _quote_source_line(span: Span, room: int) -> Iterable[str]:
    """The line of a span, or `room` characters of it around the span, with carets below."""
    line = span.source.line(span.line)
    if not line:
        return
    start = 0 if len(line) <= room else max(0, min(span.column - room // 4, len(line) - room))
    shown = mask_unprintable(line[start : start + room], " ")
    indent = span.column - 1 - start
    carets = "^" * max(1, min(span.length, len(shown) - indent))
    yield f"{span.line:>5} | {shown}"
    yield f"      | {' ' * indent}{carets}"


def _format_location(span: Span, reference: Span) -> str:
    return f"{span.line}:{span.column}" if span.source is reference.source else str(span)
