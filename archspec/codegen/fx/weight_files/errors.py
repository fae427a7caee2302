"""What is wrong with a file of weights, in words of one line."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 80


class WeightsError(ValueError):
    """Weights that cannot be read, or that are not those of the network.

    Its text is the one line `message`, the `table` of what differs and a line `help:`, where there are any; `facts` is what
    the table says, as data.
    """

    def __init__(
        self, message: str, *, table: str = "", help: str = "", facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__("\n".join(filter(None, (message, table, help and f"help: {help}"))))
        self.message, self.help, self.facts = message, help, facts

    def as_dict(self) -> dict[str, object]:
        """What is wrong as plain data, for `--json`."""
        found: dict[str, object] = {"error": self.message, "help": self.help or None}
        return found if self.facts is None else found | {"weights": dict(self.facts)}


class WeightsWarning(UserWarning):
    """Weights that were taken and are hardly meant: some are not finite, or some were left out."""


class WeightsNote(UserWarning):
    """What was done with the names, the shapes or the choice of weights before they were taken."""


class FormatError(ValueError):
    """What a file's content is not, where its format says that it must be; whoever opened the file adds its name."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.help = help


CHANGED = "its content is not what was written, by the digest that was written with it"


def quote_name(name: object) -> str:
    """A name out of a file as it may stand in a message: short, printable and without spaces outside of quotes.

    >>> quote_name("conv.weight"), quote_name("a b"), quote_name(0), quote_name((1, 2))
    ('conv.weight', "'a b'", '0', 'a tuple')
    """
    if isinstance(name, str):
        short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        return short if short.isprintable() and short and " " not in short else repr(short)
    if isinstance(name, bool | float | None) or (isinstance(name, int) and abs(name) < 1 << 64):
        return repr(name)
    return f"{'an' if type(name).__name__[0] in 'aeiou' else 'a'} {type(name).__name__}"


def format_size(count: int) -> str:
    """A number of bytes to read: exact below a KiB, otherwise with one digit after the point.

    >>> format_size(320), format_size(3 << 20)
    ('320 bytes', '3.0 MiB')
    """
    if count < 1024:
        return f"{count} bytes" if count != 1 else "1 byte"
    unit = min((count.bit_length() - 1) // 10, 6)
    return f"{count / (1 << 10 * unit):.1f} {'KMGTPE'[unit - 1]}iB"
