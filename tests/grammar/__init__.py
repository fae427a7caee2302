"""Random specs from the whole grammar of the language, right ones and broken ones, each made of a number."""

from __future__ import annotations

from tests.grammar.documents import Document, document

__all__ = ["Document", "document"]
