"""Defines a draft that knows which call it adds ops for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.recording.draft import Draft, DraftValue
from archspec.recording.trace import Path, RecordedCall


class ScopedDraft:
    """A draft, and the call of the trace that it adds ops for."""

    def __init__(self) -> None:
        self.draft = Draft()
        self.call = RecordedCall("", (), {}, (), (), ())

    def add(
        self, word: str, fields: Mapping[str, Any], *values: DraftValue, path: Path | None = None
    ) -> list[DraftValue]:
        """Adds an op of the current call; fields that are None are left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        return self.draft.add(word, given, values, self.call.scope, path, self.call.line, self.call.uses)

    def add_one(
        self, word: str, fields: Mapping[str, Any], *values: DraftValue, path: Path | None = None
    ) -> DraftValue:
        """Adds an op with one output."""
        (value,) = self.add(word, fields, *values, path=path)
        return value
