"""`python -m archspec`, the same as the command `archspec`."""

from archspec.cli import main

main()
