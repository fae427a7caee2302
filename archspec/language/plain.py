"""Plain Python data as the text of a spec."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import yaml

from archspec.printable import is_printable


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the base class names it
        """A part that is there twice is written twice: a spec has no aliases."""
        return True


def written(data: Any) -> str:
    """The YAML text of mappings, lists, tuples, strings, numbers, booleans and None; words and arithmetic stand unquoted.

    What is not seen in an editor or a terminal is written as an escape of YAML.

    Raises:
        TypeError: there is something else in it.
        ValueError: it holds itself.
    """
    try:
        text = _dumped(data, unicode=True)
        return text if all(map(is_printable, text.split("\n"))) else _dumped(data, unicode=False)
    except yaml.representer.RepresenterError as error:
        raise TypeError(
            f"a spec is made of mappings, lists, words and numbers, got {str(error.args[-1])[:60]}"
        ) from None
    except RecursionError:
        raise ValueError("a mapping that holds itself, or is nested too deeply, is no spec") from None


def _dumped(data: Any, *, unicode: bool) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=unicode, width=1_000_000)


for _kind in (set, frozenset, bytes, date, datetime):
    _Dumper.add_representer(_kind, _Dumper.represent_undefined)
