"""Names of a function's arguments."""

from __future__ import annotations

import keyword


def argument_names(names: list[str]) -> list[str]:
    """The names as they can stand in a function's signature: a letter in place of what Python refuses, no two equal."""
    made: list[str] = []
    for name in names:
        plain = "".join(letter if letter.isalnum() else "_" for letter in name)
        if not plain.isidentifier() or keyword.iskeyword(plain) or plain in ("self", "torch"):
            plain = f"_{plain}"
        while plain in made:
            plain += "_"
        made.append(plain)
    return made
