"""Compares a spec with another model, and prints the differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import archspec
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import WRONG_SPEC, style_diagnostic
from archspec.cli.options import load_given
from archspec.cli.show import show_facts

if TYPE_CHECKING:
    from archspec import Limits, ReferenceComparison, Source

_OUTPUTS = {
    "equal": ("equal", "bit by bit, with the other model's weights in evaluation mode"),
    "rounding": ("equal up to rounding", "with the other model's weights in evaluation mode"),
    "different": ("different", "with the other model's weights in evaluation mode"),
    "not compared": ("not compared", "keys and shapes differ"),
}


def check_against(
    spec: str,
    reference: str,
    arguments: Mapping[str, str],
    overrides: Mapping[str, str],
    limits: Limits,
    inputs: Mapping[str, Source],
    *,
    as_json: bool,
) -> int:
    """Compares a SPEC with a model, prints the result, and returns the exit code."""
    arch = load_given(spec, overrides, limits, inputs)
    comparison = arch.check_against(reference, archspec.parse_arguments(arguments))
    if as_json:
        echo_json(comparison.as_dict())
    else:
        show_comparison(comparison)
    return 0 if comparison.same else WRONG_SPEC


def show_comparison(comparison: ReferenceComparison) -> None:
    """Prints the differences on standard error, and what was compared on standard output."""
    for diagnostic in comparison.diagnostics:
        print_lines(*style_diagnostic(diagnostic), "", err=True, indent=3)
    outputs, how = _OUTPUTS[comparison.outputs]
    if comparison.outputs in {"rounding", "different"} and comparison.largest_difference is not None:
        outputs += f", by {comparison.largest_difference:.2g} of the largest value"
    print_lines(((f"{comparison.network} against {comparison.reference}", "bold"),))
    order = "" if comparison.same_order else "in another order"
    show_facts(
        ("keys", _format_pair(*comparison.keys), order),
        ("parameters", _format_pair(*comparison.params)),
        ("outputs", outputs, how),
    )


def _format_pair(ours: int, theirs: int) -> str:
    return f"{ours:,}" if ours == theirs else f"{ours:,}, expected {theirs:,}"
