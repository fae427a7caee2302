"""Plain Python data as the text of a spec."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import yaml

from archspec.diagnostics import Source, Span
from archspec.language.tree import Scalar


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the base class names it
        """A part that is there twice is written twice: a spec has no aliases."""
        return True

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a scalar as the reader reads it: PyYAML's rules are those of YAML 1.1, where `on` is no word."""
        if kind is not yaml.ScalarNode or not implicit[0]:
            return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        match Scalar(_NOWHERE, value).kind:
            case "null" | "bool" as name:
                return f"{_TAG}{name}"
            case "number" if value.lstrip("+-").isdecimal():
                return f"{_TAG}int"
            case "number" | "not finite":
                return f"{_TAG}float"
        return f"{_TAG}{'merge' if value == '<<' else 'str'}"


_TAG = "tag:yaml.org,2002:"
_NOWHERE = Span(Source("<data>", ""), 1, 1)


def written(data: Any) -> str:
    """The YAML text of mappings, lists, tuples, strings, numbers, booleans and None; words and arithmetic stand unquoted.

    Raises:
        TypeError: there is something else in it.
        ValueError: it holds itself.
    """
    try:
        return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    except yaml.representer.RepresenterError as error:
        raise TypeError(
            f"a spec is made of mappings, lists, words and numbers, got {str(error.args[-1])[:60]}"
        ) from None
    except RecursionError:
        raise ValueError("a mapping that holds itself, or is nested too deeply, is no spec") from None


for _kind in (set, frozenset, bytes, date, datetime):
    _Dumper.add_representer(_kind, _Dumper.represent_undefined)
