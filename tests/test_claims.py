"""Each claim of the literature is shown by its commands, whose output the page has word for word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from archspec.claims.book import Claim, Demonstration, find_claims, load_topics
from archspec.claims.demonstrate import demonstrate, list_missing_packages
from archspec.cli.commands import archspec as command
from archspec.cli.commands.claims import run_command
from tests.sample import sampled
from tests.test_docs import script

PAGE = (Path(__file__).parent.parent / "docs" / "claims.md").read_text(encoding="utf-8")
CLAIMS = [claim for topic in load_topics() for claim in topic.claims]


def test_every_claim_has_a_name_of_its_own() -> None:
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS) >= 57


@pytest.mark.parametrize("claim", sampled(CLAIMS, CLAIMS[::4]), ids=lambda claim: claim.name)
def test_a_claim_is_shown_by_its_commands_and_stands_on_the_page(claim: Claim) -> None:
    if missing := list_missing_packages(claim):
        pytest.skip(f"needs {', '.join(missing)}")
    page = script("claims")
    assert page.write_claim(claim) in PAGE, "run: python docs/claims.py"
    for demonstration in claim.show:
        assert demonstrate(demonstration, run_command).missing == ()


def test_the_page_has_the_claims_in_their_order_and_nothing_else() -> None:
    headings = [line.removeprefix("### ") for line in PAGE.splitlines() if line.startswith("### ")]
    assert headings == [claim.name for claim in CLAIMS]
    assert "soon" not in {claim.cannot for claim in CLAIMS}


def test_what_a_verdict_rests_on_is_missed_where_it_is_not_printed() -> None:
    shown = demonstrate(Demonstration(python="print(2**54)", find=("18014398509481984", "2^54")), run_command)
    assert shown.missing == ("2^54",)


def test_filters_find_names_topics_and_verdicts() -> None:
    assert [claim.name for _, claim in find_claims(("bernoulli",))] == ["bernoulli-or-binomial"]
    assert {topic.title for topic, _ in find_claims(("densenet",))} >= {"DenseNet"}
    assert {claim.verdict for _, claim in find_claims(("wrong",))} == {"wrong"}


def test_one_claim_is_shown_in_full_and_several_in_a_table() -> None:
    one = CliRunner().invoke(command, ["claims", "bernoulli"])
    assert one.exit_code == 0
    assert "Veit et al. 2016" in one.output
    assert "comb(54, k)" in one.output
    table = CliRunner().invoke(command, ["claims", "fractal", "--quick"])
    assert [line.split()[0] for line in table.output.splitlines()][1:3] == ["fractanet", "paths-of-fractalnet"]
    data = json.loads(CliRunner().invoke(command, ["claims", "bernoulli", "--json"]).output)
    assert (data[0]["verdict"], data[0]["shown"], data[0]["runs"][0]["output"]) == ("wrong", "yes", "True\n")


def test_a_filter_that_finds_nothing_says_so() -> None:
    result = CliRunner().invoke(command, ["claims", "perceiver"])
    assert (result.exit_code, result.output) == (0, "no claim is like that\n")
