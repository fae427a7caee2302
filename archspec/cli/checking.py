"""What `archspec check` finds: mistakes, and files that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archspec.cli.console import print_lines
from archspec.cli.errors import WRONG_COMMAND, WRONG_SPEC, CommandError, describe_os_error, shown_name, style_diagnostic
from archspec.cli.options import read_spec_argument
from archspec.cli.watch import watch_budget
from archspec.errors import Diagnostic, SpecError

if TYPE_CHECKING:
    from archspec.spec.limits import Limits


@dataclass(frozen=True)
class CheckedSpec:
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
        return sum(diagnostic.severity == "warning" for diagnostic in self.diagnostics)

    def as_dict(self) -> dict[str, object]:
        data: dict[str, object] = {
            "file": self.spec,
            "diagnostics": [diagnostic.as_dict() for diagnostic in self.diagnostics],
        }
        return data | ({"error": self.unread} if self.unread else {})

    def show(self) -> None:
        """Prints what is wrong on standard error."""
        if self.unread and not self.diagnostics:
            name = shown_name(self.spec) or "SPEC"
            print_lines(((name, "bold"), (": ", ""), ("error", "red bold"), (f": {self.unread}", "")), "", err=True)
        for diagnostic in self.diagnostics:
            print_lines(*style_diagnostic(diagnostic), "", err=True, indent=3)


def look_at(spec: str, limits: Limits) -> CheckedSpec:
    """All that is wrong with a SPEC."""
    from archspec.api import check as diagnose

    try:
        with watch_budget(limits) as budget:
            return CheckedSpec(spec, diagnose(read_spec_argument(spec, limits), limits=budget))
    except SpecError as error:  # standard input that is no text, or a spec that cannot be read
        return CheckedSpec(
            spec, error.diagnostics, unread=describe_os_error(error) if isinstance(error, OSError) else None
        )
    except CommandError as error:
        return CheckedSpec(spec, unread=error.message)
    except OSError as error:
        own = error.filename in (None, spec)
        return CheckedSpec(spec, unread=(error.strerror or str(error)) if own else describe_os_error(error))
