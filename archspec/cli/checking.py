"""What `archspec check` finds: mistakes, and files that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archspec.cli.console import say
from archspec.cli.errors import WRONG_COMMAND, WRONG_SPEC, Unable, reason, shown_name, styled
from archspec.cli.options import source
from archspec.cli.watch import watched
from archspec.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from archspec.language.limits import Limits


@dataclass(frozen=True)
class Checked:
    """One SPEC and what is wrong with it: its mistakes, or why it could not be read."""

    spec: str
    diagnostics: tuple[Diagnostic, ...] = ()
    unread: str | None = None

    @property
    def exit_code(self) -> int:
        if self.unread:
            return WRONG_COMMAND
        return WRONG_SPEC if len(self.diagnostics) > self.warnings else 0

    @property
    def warnings(self) -> int:
        return sum(one.severity == "warning" for one in self.diagnostics)

    def as_dict(self) -> dict[str, object]:
        data: dict[str, object] = {"file": self.spec, "diagnostics": [one.as_dict() for one in self.diagnostics]}
        return data | ({"error": self.unread} if self.unread else {})

    def show(self) -> None:
        """Prints what is wrong on standard error."""
        if self.unread and not self.diagnostics:
            name = shown_name(self.spec) or "SPEC"
            say(((name, "bold"), (": ", ""), ("error", "red bold"), (f": {self.unread}", "")), "", err=True)
        for diagnostic in self.diagnostics:
            say(*styled(diagnostic), "", err=True, indent=3)


def look_at(spec: str, limits: Limits) -> Checked:
    """All that is wrong with a SPEC."""
    from archspec.loading import check as diagnose

    try:
        with watched(limits) as budget:
            return Checked(spec, diagnose(source(spec, limits), limits=budget))
    except SpecError as error:  # standard input that is no text, or a spec that cannot be read
        return Checked(spec, error.diagnostics, unread=reason(error) if isinstance(error, OSError) else None)
    except Unable as error:
        return Checked(spec, unread=error.message)
    except OSError as error:
        own = error.filename in (None, spec)
        return Checked(spec, unread=(error.strerror or str(error)) if own else reason(error))
