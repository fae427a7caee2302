"""Writes standard JSON."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any

from archspec.numerals import format_digits, is_plain


def dump_json(data: Any, *, indent: int | None = None, ascii: bool = False) -> str:
    """Data as JSON: integers with all digits, NaN and infinities as `null`.

    >>> dump_json({"mean": float("nan"), "most": [1, float("inf")]})
    '{"mean":null,"most":[1,null]}'
    """
    mark = os.urandom(16).hex()
    large: list[str] = []

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if not isinstance(value, int) or is_plain(value):
            return value
        large.append(format_digits(value))
        return f"{mark}{len(large) - 1}"

    separators = (",", ":") if indent is None else None
    text = json.dumps(plain(data), indent=indent, separators=separators, ensure_ascii=ascii, allow_nan=False)
    return re.sub(rf'"{mark}(\d+)"', lambda match: large[int(match[1])], text) if large else text
