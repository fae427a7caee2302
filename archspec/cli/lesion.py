"""The command that writes a network without some of its blocks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from archspec import Limits
from archspec.api import load_as
from archspec.architecture import Architecture
from archspec.cli.errors import WRONG_COMMAND, CommandError, show_diagnostics
from archspec.cli.output import default_name
from archspec.errors import Diagnostic, Source
from archspec.files import is_same_file, is_stream
from archspec.passes import PassError
from archspec.passes.lesion import choose_blocks, plan_lesion
from archspec.printable import escape_unprintable
from archspec.spec.bundled import find_bundled_spec, list_bundled_names
from archspec.spec.derive import derive_spec
from archspec.spec.extends import SUFFIXES
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import to_plain_data


@dataclass(frozen=True)
class LesionResult:
    """What was done to a network, and what came out; `without_shortcut` are the parts that had no shortcut."""

    before: Architecture
    after: Architecture
    drop: tuple[str, ...]
    swap: tuple[tuple[str, str], ...]
    without_shortcut: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.before.name,
            "drop": list(self.drop),
            "swap": [list(pair) for pair in self.swap],
            "without_shortcut": list(self.without_shortcut),
            "paths": {"before": self.before.paths().total, "after": self.after.paths().total},
            "params": {"before": self.before.params, "after": self.after.params},
        }

    def text(self, spec: str, out: Path, overrides: Mapping[str, str], limits: Limits) -> str:
        """The spec of what came out, for a file at `out`."""
        arguments: dict[str, Any] = {"drop": self.drop} if self.drop else {}
        if self.swap:
            arguments["swap"] = self.swap
        rewrite = {"lesion": arguments}
        args = {name: to_plain_data(read_tree(Source.option(name, text))) for name, text in overrides.items()}
        total = self.after.paths().total
        place = default_name(self.before.name, "_lesion.yaml") if is_stream(out) else out
        name = escape_unprintable(place.stem)
        text = derive_spec(
            self.before.program, _find_extends_reference(spec, place), name, rewrite, args=args, paths=total
        )
        load_as(text, place, limits=limits)  # whatever it says is said before a file is touched
        return text


def apply_lesion(
    arch: Architecture, drop: tuple[str, ...], swap: tuple[tuple[str, str], ...], count: int, seed: int
) -> LesionResult:
    """The network without those blocks. Ends the command where it cannot be."""
    try:
        drawn = choose_blocks(arch.graph, count, seed) if count else ()
        dropped = tuple(dict.fromkeys((*drop, *drawn)))
        after = arch.lesion(dropped, swap)
        return LesionResult(arch, after, dropped, swap, tuple(plan_lesion(arch.graph, dropped).without_shortcut))
    except PassError as error:
        if error.span is None:
            raise click.UsageError(f"{error.message}; {error.help}" if error.help else error.message) from None
        show_diagnostics([Diagnostic(error.message, error.span, help=error.help)], as_json=False)
        raise click.exceptions.Exit(WRONG_COMMAND) from None


def check_target(out: Path, spec: str, *, force: bool) -> None:
    """Ends the command where the new spec would be written over the old one, or over another file without `--force`."""
    if is_same_file(out, Path(spec)):
        raise CommandError(f"{out} is the spec itself: -o needs another file")
    if out.exists() and not is_stream(out) and not force:
        raise CommandError(f"{out} is there already; --force writes over it")


def _find_extends_reference(spec: str, out: Path) -> str:
    """What `extends` says of a spec in a file at `out`."""
    if spec == "-":
        raise CommandError("a spec from standard input cannot be extended: give the file")
    if not _is_text(spec):
        raise CommandError(f"{spec} cannot be extended: its name is not UTF-8")
    path = Path(spec)
    if path.suffix not in SUFFIXES and not path.is_file():
        return spec
    relative = os.path.relpath(path.resolve(), out.resolve().parent)
    if not relative.startswith(os.pardir):
        return Path(relative).as_posix()
    if path.stem in list_bundled_names() and is_same_file(path, find_bundled_spec(path.stem) or path):
        return path.stem
    raise CommandError(f"{out} cannot extend {spec}: a spec extends files of its own folder and below")


def _is_text(name: str) -> bool:
    """Whether a file's name can stand in a spec: bytes that are no UTF-8 cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
