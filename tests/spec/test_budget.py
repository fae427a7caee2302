"""The budget of work: what is charged, where it ends a run, watching, and interrupts."""

from __future__ import annotations

import gc
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import Budget, Limits, meter
from archspec.spans import Source
from archspec.spec.elaborator import Elaborator
from archspec.suggestions import did_you_mean
from tests.hostile import HEAD, alike, commas, stages
from tests.programs import random_spec

ROOT = Path(__file__).parent.parent.parent
TURNS = "{repeat: {times: channels * 500000, layers: [identity, relu]}}"


def spent(text: str, limits: Limits | None = None) -> Budget:
    """The budget of a spec after it has been checked."""
    budget = Budget(limits or Limits())
    archspec.check(Source("spec.yaml", text), limits=budget)
    return budget


# -- what is charged ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(150))
def test_the_work_of_a_random_spec_is_at_least_its_layers_and_nodes_and_in_proportion_to_them(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = random_spec(seed)
    applied = 0
    run = Elaborator.apply_layer

    def counted(*arguments: Any) -> Any:
        nonlocal applied
        applied += 1
        return run(*arguments)

    monkeypatch.setattr(Elaborator, "apply_layer", counted)
    budget = Budget()
    nodes = 0
    with suppress(archspec.SpecError):
        nodes = len(archspec.load(text, limits=budget).graph.nodes)
    items = len(re.findall(r"[^\s:\[\],-]+", text))
    assert applied + nodes <= budget.units
    assert applied <= budget.spent["layers"]
    assert budget.units <= 40 * (applied + nodes) + 60 * items + 5000
    assert budget.units == sum(budget.spent.values())


def test_the_work_is_that_of_the_spec_alone() -> None:
    specs = [random_spec(seed) for seed in range(12)]
    first = [spent(text).units for text in specs]
    assert [spent(text).units for text in reversed(specs)] == first[::-1]
    assert len(set(first)) > 6


def test_each_part_of_a_run_is_charged() -> None:
    unit = "{add: [identity, conv: 4 * n / n]}"
    text = f"{HEAD}args: {{n: 2}}\nstages: {{one: [{unit}, {{split: [2, 2]}}, {{concat: [identity]}}]}}\npasses: [stochastic_depth]\nexpect: {{paths: 3}}\n"
    budget = spent(text)
    assert {kind for kind, units in budget.spent.items() if not units} == {"values", "suggestions"}
    wrong = spent(f"{HEAD}stages: {{one: relly}}\n")
    assert wrong.spent["suggestions"]
    assert wrong.spent["diagnostics"]


@pytest.mark.parametrize("name", ["densenet264", "stochastic_depth_resnet1202_cifar10"])  # fmt: skip
def test_the_largest_bundled_networks_take_a_quarter_of_the_default_budget(name: str) -> None:
    budget = Budget()
    assert archspec.check(name, limits=budget) == ()
    assert budget.units < Limits().units / 4


@pytest.mark.slow
@pytest.mark.exhaustive
def test_all_bundled_networks_take_a_quarter_of_the_default_budget() -> None:
    for name in archspec.bundled():
        budget = Budget()
        archspec.check(name, limits=budget)
        assert budget.units < Limits().units / 4


def test_the_examples_of_the_documents_take_a_tenth_of_the_default_budget() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    texts = [text for page in pages for text in re.findall(r"```yaml\n((?:name|extends):.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)]  # fmt: skip
    assert texts
    assert all(spent(text).units < Limits().units / 10 for text in texts)


# -- where it ends ------------------------------------------------------------------------------------------------------


def test_a_run_ends_at_the_layer_that_takes_too_much() -> None:
    (found,) = archspec.check(stages(TURNS), limits=Limits(work=5000))
    assert found.message == "the spec takes more than 5,000 units of work"
    assert found.help == "if it is meant to be that large, raise the limit: --max-nodes, or Limits(work=…)"
    line = found.span.source.line(found.span.line)
    assert line[found.span.column - 1 :].startswith(("identity", "relu", "repeat"))


def test_what_was_found_before_the_end_is_reported_with_it() -> None:
    text = f"{HEAD}stages: {{one: {{add: [identity, conv: 5]}}, two: {{repeat: {{times: channels, layers: []}}}}, three: [{{identity: {{}}, from: input}}, {TURNS}]}}\n"
    found = archspec.check(text, limits=Limits(work=5000))
    assert [one.message for one in found] == ["add needs equal shapes", "the spec takes more than 5,000 units of work"]


def test_what_can_be_foreseen_is_refused_before_it_is_done() -> None:
    many = "bundle: [copies: {times: 2000, layers: [relu]}]"
    each = "repeat: {times: 2600, layers: [each: {layers: [identity]}]}"
    budget = Budget()
    (found,) = archspec.check(stages(f"[{many}, {each}, {{add: [identity]}}]"), limits=budget)
    assert found.message == "the network would take more than 5,000,000 layers, identities counted"
    assert budget.units < 1000


@pytest.mark.parametrize(
    "text",
    [
        "{bundle: [identity, identity]}, {repeat: {times: 3, layers: [{bundle: [identity, identity]}]}}",
        "{bundle: [copies: {times: 3, layers: [relu]}]}, {each: {layers: [{bundle: [identity, relu]}]}}",
        "{split: [1, 1, 2]}, {repeat: {times: 2, layers: [{each: {layers: [relu]}}]}}",
        "{add: [{repeat: {times: 2, layers: [relu]}}, {copies: {times: 0, layers: [relu]}}]}",
        "{nest: {times: 3, core: [relu], layers: [{bundle: [core, core]}]}}",
    ],
)
def test_what_is_foreseen_is_never_more_than_what_is_done(text: str) -> None:
    from archspec.spec.known import SizeEstimate
    from archspec.spec.size_estimate import _SizeEstimator

    seen: list[SizeEstimate] = []
    search = _SizeEstimator.search

    def kept(self: _SizeEstimator, *layer: Any) -> None:
        seen.append(self.size(*layer))
        search(self, *layer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_SizeEstimator, "search", kept)
        made = archspec.load(stages(f"[{text}, {{concat: [identity]}}]"), limits=(budget := Budget()))
    assert 0 < seen[0].nodes <= len(made.graph.nodes)
    assert 0 < seen[0].layers <= budget.spent["layers"]
    assert seen[0].width in (1, None)


def test_larger_budgets_are_asked_for() -> None:
    assert Limits().units == 2_000_000
    assert Limits(nodes=600_000).units == 12_000_000
    assert Limits(nodes=10).units == 2_000_000
    assert Limits(nodes=600_000, work=7).units == 7
    text = stages("{repeat: {times: 60000, layers: [add: [identity, relu]]}}")
    assert "more than 100,000 nodes" in archspec.check(text)[0].message


# -- suggestions --------------------------------------------------------------------------------------------------------


def test_all_suggestions_of_a_run_share_an_allowance() -> None:
    blocks = "".join(f"  {word}: relu\n" for word in alike(150))
    wrong = commas(f"s{at}: {word}" for at, word in enumerate(alike(30, "ba")))
    budget = Budget()
    found = archspec.check(f"{HEAD}blocks:\n{blocks}stages: {{{wrong}}}\n", limits=budget)
    assert len(found) == 30
    assert budget.spent["suggestions"] <= meter.SUGGESTIONS
    assert found[-1].help is None


def test_suggestions_are_as_they_were_while_there_is_work_left_for_them() -> None:
    with Budget().running():
        assert did_you_mean("rellu", ["relu", "gelu", "conv"]) == "did you mean 'relu'?"
    budget = Budget()
    budget.suggestions = 0
    with budget.running():
        assert did_you_mean("rellu", ["relu", "gelu", "conv"]) is None
    assert did_you_mean("rellu", ["relu", "gelu", "conv"]) == "did you mean 'relu'?"


def test_words_are_not_looked_up_when_nothing_is_left() -> None:
    def words() -> Iterator[str]:
        yield "first"
        raise AssertionError("no further")

    budget = Budget()
    budget.suggestions = 0
    with budget.running():
        assert did_you_mean("x", words()) is None


# -- watching, and interrupts -------------------------------------------------------------------------------------------


def test_who_watches_sees_how_far_it_is() -> None:
    seen: list[int] = []
    budget = Budget(Limits(work=200_000), watch=lambda budget: seen.append(budget.units))
    archspec.check(stages(TURNS), limits=budget)
    assert len(seen) >= 9
    assert seen == sorted(seen)
    assert seen[-1] <= 200_000


def test_a_budget_counts_on_from_one_spec_to_the_next() -> None:
    budget = Budget()
    archspec.load(stages("relu"), limits=budget)
    once = budget.units
    archspec.load(stages("relu"), limits=budget)
    assert budget.units == 2 * once


@contextmanager
def default_interrupt() -> Iterator[None]:
    """Makes SIGINT raise KeyboardInterrupt, however this process was started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def units_after_interrupt(budget: Budget, work: Callable[[], object], when: Callable[[], bool]) -> int:
    """The units of work that are still done after an interrupt, which is sent when `when` returns True."""
    sent: list[int] = []
    over = threading.Event()

    def interrupt() -> None:
        while not over.is_set():
            if when():
                sent.append(budget.units)
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.001)

    sender = threading.Thread(target=interrupt)
    with default_interrupt():
        sender.start()
        try:
            work()
            time.sleep(30)  # for a late interrupt, which the count shows
        except KeyboardInterrupt:
            return budget.units - sent[0]
        finally:
            over.set()
            sender.join()
    raise AssertionError("no interrupt came")


SOON = 100_000  # units: a twentieth of the default budget


def test_an_interrupt_is_answered_while_a_network_is_built() -> None:
    budget = Budget(Limits(nodes=10_000_000))
    text = stages(TURNS)
    after = units_after_interrupt(budget, lambda: archspec.load(text, limits=budget), lambda: budget.spent["nodes"] > 0)
    assert after < SOON


@pytest.mark.parametrize("kind", ["reading", "binding"])
def test_an_interrupt_is_answered_while_words_are_read_and_bound(kind: meter.Kind) -> None:
    budget = Budget()
    text = stages(f"[{commas(['conv: 4'] * 10_000)}]")
    after = units_after_interrupt(budget, lambda: archspec.load(text, limits=budget), lambda: budget.spent[kind] > 1000)
    assert after < SOON


def test_an_interrupt_is_answered_while_words_are_compared() -> None:
    words = alike(400)
    budget = Budget(Limits(work=10**9))
    budget.suggestions = 10**9

    def suggest() -> None:
        with budget.running():
            for word in alike(2000, "ba"):
                did_you_mean(word, words)

    assert units_after_interrupt(budget, suggest, lambda: budget.spent["suggestions"] > 0) < 2 * SOON


def test_a_run_that_was_interrupted_leaves_nothing_behind() -> None:
    def stop(_: Budget) -> None:
        signal.raise_signal(signal.SIGINT)

    with default_interrupt(), pytest.raises(KeyboardInterrupt):
        archspec.load(stages(TURNS), limits=Budget(Limits(), watch=stop))
    assert meter.find_meter().units == 0
    assert archspec.check(stages("relu")) == ()


@pytest.mark.parametrize("on", [True, False])
def test_the_search_for_garbage_is_left_out_while_a_spec_is_loaded_and_is_as_it_was_after(on: bool) -> None:
    seen: set[bool] = set()
    before = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        budget = Budget(Limits(work=50_000), watch=lambda _: seen.add(gc.isenabled()))
        archspec.check(stages(TURNS), limits=budget)
        assert gc.isenabled() is on
    finally:
        (gc.enable if before else gc.disable)()
    assert seen == {False}
