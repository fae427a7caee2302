"""The option type for parts of a network."""

from __future__ import annotations

import math
from typing import Any

import click


class PartsOption(click.ParamType):  # type: ignore[type-arg] # not generic before click 8.3
    """Names of parts separated by commas; with `rates`, each with its learning rate."""

    name = "parts"

    def __init__(self, *, rates: bool = False) -> None:
        self.rates = rates

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        words = [word.strip() for word in value.split(",") if word.strip()]
        if not words:
            self.fail("expected the name of a part, got an empty one", param, ctx)
        return tuple(self._read_rate(word, param, ctx) if self.rates else word for word in words)

    def _read_rate(self, word: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        part, _, text = word.partition("=")
        try:
            rate = float(text)
        except ValueError:
            rate = 0.0
        if not part.strip() or not 0 < rate < math.inf:
            self.fail(f"expected a part and its rate, such as head=0.01, got {word!r}", param, ctx)
        return part.strip(), rate
