"""Runs the command `archspec` as `python -m archspec`."""

from archspec.cli import main

main()
