"""Runs the benchmarks and writes docs/benchmarks.md: `python -m benchmarks [SECTION]... [--quick | --render]`."""

from __future__ import annotations

import argparse
import sys

from benchmarks.page import PAGE, page, save, unexplained
from benchmarks.sections import SECTIONS


def main() -> None:
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure archspec against its peers.")
    parser.add_argument("section", nargs="*", help=f"measured again, the others stay: {', '.join(names)}; default: all")
    parser.add_argument("--quick", action="store_true", help="tiny networks, nothing written: only to see that it runs")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the page from the last results")
    asked = parser.parse_args()
    if unknown := [name for name in asked.section if name not in names]:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(names)}")
    for section in () if asked.render else SECTIONS:
        if asked.section and section.name not in asked.section:
            continue
        print(f"## {section.title}\n", flush=True)
        result = section.measured(quick=asked.quick)
        if not asked.quick:
            save(section.name, result)
            PAGE.write_text(page(SECTIONS), encoding="utf-8")
    if asked.quick:
        return
    PAGE.write_text(page(SECTIONS), encoding="utf-8")
    print(f"written: {PAGE}", file=sys.stderr)
    for name in unexplained(SECTIONS):
        print(f"{name}: an aim is missed and benchmarks/reasons.py does not say why", file=sys.stderr)


if __name__ == "__main__":
    main()
