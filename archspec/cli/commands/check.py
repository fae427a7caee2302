"""The command `check`: reports the errors and warnings of specs, and files that cannot be read."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

import archspec
from archspec import Diagnostic, Limits, Source, SpecError
from archspec.cli.against import check_against
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import (
    WRONG_COMMAND,
    WRONG_SPEC,
    CommandError,
    SpecCommand,
    describe_os_error,
    is_command_error,
    shown_name,
    style_diagnostic,
)
from archspec.cli.options import (
    SPEC,
    arguments_option,
    input_option,
    json_option,
    limits_options,
    read_spec_argument,
    set_option,
)
from archspec.cli.watch import watch_budget

_CHECK = """\
\b
Examples:
  archspec check my.yaml
  archspec check specs/*.yaml --json
  generate-spec | archspec check -
  archspec check my.yaml --against torchvision:resnet50
  archspec check my.yaml --against models.py:make --args width=64 --set width=64
"""


@click.command(
    "check",
    cls=SpecCommand,
    epilog=_CHECK,
    help=f"Report every mistake in every SPEC, its `expect` included, or compare one with another model.\n\n{SPEC}",
)
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@input_option
@click.option(
    "--against",
    "reference",
    metavar="MODEL",
    help="Compare weights and values with torchvision:NAME, timm:NAME, FILE.py:FACTORY or MODULE:FACTORY, whose code is run.",
)
@arguments_option
@set_option
@limits_options
@json_option
def command(
    *,
    specs: tuple[str, ...],
    inputs: dict[str, Source],
    reference: str | None,
    arguments: dict[str, str],
    overrides: dict[str, str],
    limits: Limits,
    as_json: bool,
) -> None:
    if reference is not None:
        if len(specs) > 1:
            raise click.UsageError("--against compares one spec")
        sys.exit(check_against(specs[0], reference, arguments, overrides, limits, inputs, as_json=as_json))
    if arguments or overrides:
        raise click.UsageError("--args and --set are for --against, which is not given")
    if specs.count("-") > 1:
        raise click.BadParameter("standard input can be one spec, not two", param_hint="SPEC")
    results = [look_at(spec, limits, inputs) for spec in specs]
    wrong = sum(1 for checked in results if checked.exit_code)
    warnings = sum(checked.warnings for checked in results)
    if as_json:
        echo_json({"ok": not wrong, "files": [checked.as_dict() for checked in results]})
    else:
        for checked in results:
            checked.show()
        if not all(checked.unread for checked in results):
            print_lines(f"{len(results)} checked, {wrong or 'none'} wrong{_format_count(warnings)}")
    sys.exit(max(checked.exit_code for checked in results))


def _format_count(warnings: int) -> str:
    return f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""


@dataclass(frozen=True)
class CheckedSpec:
    """The diagnostics of one SPEC, or why it could not be read."""

    spec: str
    diagnostics: tuple[Diagnostic, ...] = ()
    unread: str | None = None

    @property
    def exit_code(self) -> int:
        if self.unread or is_command_error(self.diagnostics):
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
        """Prints the diagnostics on standard error."""
        if self.unread and not self.diagnostics:
            name = shown_name(self.spec) or "SPEC"
            print_lines(((name, "bold"), (": ", ""), ("error", "red bold"), (f": {self.unread}", "")), "", err=True)
        for diagnostic in self.diagnostics:
            print_lines(*style_diagnostic(diagnostic), "", err=True, indent=3)


def look_at(spec: str, limits: Limits, inputs: dict[str, Source]) -> CheckedSpec:
    """Checks one SPEC, with the sizes of `--input`."""
    try:
        with watch_budget(limits) as budget:
            diagnostics = archspec.check(read_spec_argument(spec, limits), input=inputs or None, limits=budget)
            return CheckedSpec(spec, diagnostics)
    except SpecError as error:  # not UTF-8 text, or unreadable
        return CheckedSpec(
            spec, error.diagnostics, unread=describe_os_error(error) if isinstance(error, OSError) else None
        )
    except CommandError as error:
        return CheckedSpec(spec, unread=error.message)
    except OSError as error:
        own = error.filename in (None, spec)
        return CheckedSpec(spec, unread=(error.strerror or str(error)) if own else describe_os_error(error))
