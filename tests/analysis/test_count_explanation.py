"""Printed counts are read with their precision, and explained by the rules that give them."""

from __future__ import annotations

import json
import re

import pytest

import archspec
from archspec.analysis.conventions import CONVENTIONS
from archspec.analysis.printed_number import PrintedNumberError, parse_printed_number
from archspec.analysis.work import count_work
from archspec.analysis.work_kinds import KINDS
from tests.cli.surface import run
from tests.sample import every_spec, small


@pytest.mark.parametrize(
    ("text", "low", "high", "subject"),
    [
        ("4.11G", 4_105_000_000, 4_115_000_000, None),
        ("4.1 GFLOPs", 4_050_000_000, 4_150_000_000, "work"),
        ("~8.2 GMACs", 8_150_000_000, 8_250_000_000, "work"),
        ("25.6M", 25_550_000, 25_650_000, None),
        ("25,600,000 params", 25_550_000, 25_650_000, "params"),
        ("4089184256", 4_089_184_256, 4_089_184_256, None),
        ("4089184256 MACs", 4_089_184_256, 4_089_184_256, "work"),
        ("4.09e9", 4_085_000_000, 4_095_000_000, None),
        ("11.3 M activations", 11_250_000, 11_350_000, "acts"),
        ("1.8 B", 1_750_000_000, 1_850_000_000, None),
        ("300 MMAdds", 299_500_000, 300_500_000, "work"),
        ("0.5k", 450, 550, None),
        ("0", 0, 0, None),
    ],
)
def test_a_printed_number_has_the_precision_of_its_last_digit(text: str, low: int, high: int, subject: str) -> None:
    number = parse_printed_number(text)
    assert (number.low, number.high, number.subject) == (low, high, subject)


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("300M", [500_000, 5_000_000]),  # not 50,000,000, a sixth of it
        ("600 MMAdds", [500_000, 5_000_000, 50_000_000]),
        ("40e8", [50_000_000]),
        ("4000M", [500_000, 5_000_000, 50_000_000]),
        ("10G", [500_000_000]),
        ("25.60M", [5_000]),  # zeros after the point are digits of the precision
        ("300000000 MACs", [50_000_000]),
        ("30", [0]),
        ("0M", [500_000]),
    ],
)
def test_zeros_at_the_end_of_a_whole_number_may_be_rounded(text: str, halves: list[int]) -> None:
    number = parse_printed_number(text)
    assert [reading.high - number.value for reading in number.iter_readings()] == halves


def test_the_finest_reading_that_a_rule_gives_is_explained() -> None:
    fine, coarse = (archspec.load("mobilenet_v2").explain_count(text).number for text in ("301M", "300M"))
    assert (fine.low, fine.high) == (300_500_000, 301_500_000)
    assert (coarse.low, coarse.high) == (295_000_000, 305_000_000)
    assert json.loads(run("explain-count", "mobilenet_v2", "300M", "--json").stdout)["number"]["low"] == 295_000_000


@pytest.mark.parametrize(
    "text", ["", "four", "-3G", "4..1", "4.1 Gfoo", "G", "1e999999", "\x1b[31m", "1,,0M", "4,", "٤M", "9" * 5000]
)
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(PrintedNumberError, match="is no count; expected one as"):
        parse_printed_number(text)


def test_a_fraction_without_a_unit_is_refused() -> None:
    with pytest.raises(
        PrintedNumberError, match=re.escape("is no whole number; expected one with its unit, as 4.14G or 4.14M")
    ):
        parse_printed_number("4.14")


@pytest.mark.parametrize(
    ("spec", "text", "names"),
    [
        ("resnet50", "4.09G", ["macs", "pycls"]),
        ("resnet50", "4.1 GFLOPs", ["macs", "pycls", "fvcore", "timm", "thop"]),
        ("resnet50", "4.11G", ["fvcore", "timm"]),
        ("resnet50", "4.13G", ["thop"]),
        ("resnet50", "8.2 GFLOPs", ["flops", "deepspeed"]),
        ("resnet50", "4089185256", ["pycls"]),
        ("resnet50", "25.56M", ["params"]),
        ("resnet50", "25.6M params", ["params", "params and buffers"]),
        ("resnet50", "11.1M acts", ["fvcore acts"]),
        ("mobilenet_v2", "300M", ["macs", "pycls"]),
        ("resnet50", "25600k", ["params", "params and buffers"]),
        ("resnet50", "4.1e9", ["macs", "pycls", "fvcore", "timm", "thop"]),
        ("vit_b_16", "17.56 GMACs", ["macs"]),
        ("vit_b_16", "16.87 GMACs", ["fvcore", "timm"]),
    ],
)
def test_the_rules_of_a_number(spec: str, text: str, names: list[str]) -> None:
    explanation = archspec.load(spec).explain_count(text)
    assert [rule.name for rule in explanation.rules] == names
    assert explanation.variants == explanation.nearest == ()


def test_variants_of_the_rules_are_tried_next() -> None:
    arch = archspec.load("resnet50")
    without = arch.explain_count("4111412224")
    assert [(rule.name, rule.count) for rule in without.variants] == [
        ("fvcore without global pool inputs", 4_111_412_224)
    ]
    assert [rule.name for rule in arch.explain_count("23.5M").variants] == ["params without fc"]
    assert [rule.name for rule in arch.explain_count("8.223 GFLOPs").variants] == ["2 × fvcore", "2 × timm"][:1]


def test_else_the_nearest_rules_are_named() -> None:
    explanation = archspec.load("resnet50").explain_count("3.86 GFLOPs")  # the stride of the paper
    assert [rule.name for rule in explanation.nearest] == ["macs", "pycls", "fvcore"]
    assert not explanation.rules
    assert not explanation.variants


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_a_difference_adds_up_by_kind_and_by_stage(convention: archspec.Convention) -> None:
    arch = archspec.load("densenet121")
    explanation = arch.explain_count(str(arch.count(convention.name)))
    for difference in explanation.differences:
        change = difference.counts[1] - difference.counts[0]
        assert change == sum(term.value for term in difference.terms)
        assert change == sum(stage.total for stage in difference.stages)
        assert {stage.stage for stage in difference.stages} <= {"features", "relu", "avgpool", "classifier"}


@pytest.mark.parametrize("name", every_spec())
def test_the_kinds_of_work_add_up_to_the_macs(name: str) -> None:
    arch = small(name) if name in archspec.bundled() and name in _small() else archspec.load(name)
    work = count_work(arch.graph)
    assert set(work) <= set(KINDS)
    assert arch.count("macs") == arch.macs == sum(work[kind] for kind in CONVENTIONS[0].factors)
    assert arch.count("flops") == 2 * arch.macs
    assert arch.summary(depth=1, convention="pycls").work == arch.count("pycls")


def _small() -> frozenset[str]:
    from tests.sample import SMALL

    return frozenset(SMALL)


def test_every_kind_is_explained() -> None:
    for convention in CONVENTIONS:
        assert set(convention.factors) <= set(KINDS)


def test_the_command_prints_rules_and_differences() -> None:
    result = run("explain-count", "resnet50", "4.11G")
    assert result.exit_code == 0
    assert "fvcore  4,111,512,576" in result.stdout
    assert "+2 × batchnorm" in result.stdout
    data = json.loads(run("explain-count", "resnet50", "4.11G", "--json").stdout)
    assert data["rules"][0] == {
        "name": "fvcore",
        "counts": "work",
        "count": 4_111_512_576,
        "rule": data["rules"][0]["rule"],
    }
    assert data["differences"][0]["terms"][0] == {
        "kind": "batchnorm",
        "factor": 2,
        "amount": 11_113_984,
        "value": 22_227_968,
    }
    assert "is by no rule; the nearest are" in run("explain-count", "resnet50", "5G").stdout


def test_a_wrong_number_is_a_wrong_command() -> None:
    result = run("explain-count", "resnet50", "four")
    assert result.exit_code == 2
    assert "'four' is no count" in result.stderr


def test_the_summary_counts_by_a_convention() -> None:
    data = json.loads(run("summary", "resnet50", "--depth", "1", "--convention", "fvcore", "--json").stdout)
    assert data["fvcore"] == sum(row["fvcore"] * row["times"] for row in data["rows"]) == 4_111_512_576
    assert data["macs"] == 4_089_184_256
    csv = run("summary", "resnet50", "--depth", "1", "--convention", "thop", "--format", "csv").stdout.splitlines()
    assert csv[0].endswith(",thop")
    assert sum(int(line.rpartition(",")[2]) for line in csv[1:]) == 4_133_742_592
    table = run("summary", "resnet50", "--depth", "1", "--convention", "deepspeed").stdout
    assert "deepspeed 8,211,108,352" in " ".join(table.split())
    with pytest.raises(archspec.UnknownConventionError, match="did you mean 'fvcore'"):
        archspec.load("resnet18").count("fvcor")
