"""Random specs from the whole grammar of the language, valid and broken ones, each determined by a seed."""

from __future__ import annotations

from tests.grammar.documents import Document, document

__all__ = ["Document", "document"]
