"""JSON that every parser reads."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any


def json_text(data: Any, *, indent: int | None = None) -> str:
    """Data as JSON: whole numbers with all of their digits; a number that is none, or infinite, is `null`.

    >>> json_text({"mean": float("nan"), "most": [1, float("inf")]})
    '{"mean":null,"most":[1,null]}'
    """
    sys.set_int_max_str_digits(0)
    separators = (",", ":") if indent is None else None
    return json.dumps(_finite(data), indent=indent, separators=separators, ensure_ascii=False, allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data
