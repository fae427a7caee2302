"""Plain Python data as the text of a spec."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import yaml

from archspec.numerals import digits


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the base class names it
        """A part that is there twice is written twice: a spec has no aliases."""
        return True


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


_Dumper.add_representer(int, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:int", digits(value)))
for _kind in (set, frozenset, bytes, date, datetime):
    _Dumper.add_representer(_kind, _Dumper.represent_undefined)
