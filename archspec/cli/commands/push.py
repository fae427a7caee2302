"""The command that uploads a network with its weights to a hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.numbers import Integer
from archspec.cli.options import SPEC, architecture_options, json_option
from archspec.cli.warn import show_warnings
from archspec.cli.weights import WeightsOption, print_weights_errors, weights_options

if TYPE_CHECKING:
    from archspec import Architecture

_PUSH = """\
\b
Examples:
  archspec push my.yaml me/my-network --weights my.safetensors --license mit
  archspec push resnet18 me/bees --set classes=2 --weights bees.pt --private

\b
The token is that of `hf auth login`, or HF_TOKEN. `hub:me/my-network` is then a SPEC, and F for --weights.
"""


@click.command(
    "push", cls=SpecCommand, epilog=_PUSH, help=f"Upload SPEC with weights to REPO, ORG/NAME on a hub.\n\n{SPEC}"
)
@architecture_options
@click.argument("repo", metavar="REPO")
@weights_options
@click.option(
    "--seed", type=Integer(), default=0, show_default=True, metavar="N", help="Of weights that are not given."
)
@click.option("--private", is_flag=True, help="A repository that is made is private.")
@click.option("--branch", metavar="NAME", help="Where to; the main branch if not given.")
@click.option("--create-pr", is_flag=True, help="As a pull request.")
@click.option("--message", metavar="TEXT", default="Push model using archspec.", help="Of the commit.")
@click.option("--license", metavar="NAME", help="For the model card: mit, apache-2.0, …")
@click.option("--tag", "tags", metavar="WORD", multiple=True, help="For the model card; repeatable.")
@json_option
def command(
    arch: Architecture,
    *,
    repo: str,
    seed: int,
    private: bool,
    branch: str | None,
    create_pr: bool,
    message: str,
    license: str | None,
    tags: tuple[str, ...],
    as_json: bool,
    **weights: Any,
) -> None:
    given = WeightsOption(**weights, as_json=as_json, counts=True)
    card = ({"license": license} if license else {}) | ({"tags": list(tags)} if tags else {})
    with show_warnings(), print_weights_errors(as_json=as_json):
        commit = arch.push_to_hub(
            repo,
            commit_message=message,
            private=private or None,
            branch=branch,
            create_pr=create_pr or None,
            model_card_kwargs=card,
            seed=seed,
            **given.arguments,
        )
    if as_json:
        echo_json({"name": arch.name, "repo": repo, "commit": commit} | given.facts)
    else:
        print_lines(f"{arch.name}: {commit}")
