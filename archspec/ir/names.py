"""Makes unique names for modules and regions in a graph, and for variables, attributes and classes in generated code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable

NameVariant = Callable[[str, int], str]
"""Writes variant number n, from 2 on, of a stem."""


def number_name(stem: str, number: int) -> str:
    """The stem followed by a number; a stem that is a number is counted up.

    >>> number_name("conv", 2), number_name("7", 2)
    ('conv2', '8')
    """
    return str(int(stem) + number - 1) if stem.isdecimal() else f"{stem}{number}"


def append_underscores(stem: str, number: int) -> str:
    """The stem followed by `number` - 1 underscores."""
    return stem + "_" * (number - 1)


def find_free_name(
    stem: str, taken: Container[str], number: int = 1, variant: NameVariant = number_name
) -> tuple[str, int]:
    """Finds the first free variant of a stem, from variant `number` on.

    Returns:
        The name and the number of its variant; variant 1 is the stem itself.

    >>> find_free_name("conv", {"conv", "conv2"})
    ('conv3', 3)
    """
    name = stem if number == 1 else variant(stem, number)
    while name in taken:
        number += 1
        name = variant(stem, number)
    return name, number


class UniqueNames:
    """The taken names of one namespace.

    >>> names = UniqueNames(["conv"])
    >>> names.take("conv"), names.take("conv"), names.take("norm")
    ('conv2', 'conv3', 'norm')
    """

    def __init__(self, taken: Iterable[str] = (), variant: NameVariant = number_name) -> None:
        """
        Args:
            taken: names that are taken from the start.
            variant: writes the variants of a taken stem.
        """
        self.taken, self.variant = set(taken), variant
        self._numbers: dict[str, int] = {}

    def take(self, stem: str) -> str:
        """Takes `stem` or its first free variant."""
        name, self._numbers[stem] = find_free_name(stem, self.taken, self._numbers.get(stem, 1), self.variant)
        self.taken.add(name)
        return name


class PathNames:
    """The names of modules and regions that are taken inside each region of a network."""

    def __init__(self) -> None:
        self._inside: dict[tuple[str, ...], UniqueNames] = {}

    def add(self, path: tuple[str, ...]) -> None:
        """Takes a path and the paths of the regions around it."""
        for end in reversed(range(len(path))):
            names = self._inside.setdefault(path[:end], UniqueNames())
            if path[end] in names.taken:
                return
            names.taken.add(path[end])

    def inside(self, region: tuple[str, ...]) -> Collection[str]:
        """The names that are taken directly inside a region path."""
        names = self._inside.get(region)
        return frozenset() if names is None else names.taken

    def take(self, region: tuple[str, ...], stem: str) -> tuple[str, ...]:
        """Takes a free name inside a region, as `UniqueNames.take` does, and returns its path."""
        return (*region, self._inside.setdefault(region, UniqueNames()).take(stem))
