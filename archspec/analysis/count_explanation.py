"""Explains a printed count of a network: the rules that give it, and from which layers their differences come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from archspec.analysis.conventions import CONVENTIONS, Convention, Term, find_convention
from archspec.analysis.counts import iter_node_costs, sum_costs
from archspec.analysis.printed_number import PrintedNumber, Subject, parse_printed_number
from archspec.analysis.work import Work, list_work
from archspec.analysis.work_kinds import KINDS, MACS
from archspec.ir.graph import Graph, Node

_NEAREST = 3  # how many rules are named if none gives the number
_FVCORE_ACTS = ("conv outputs", "linear outputs", "projection outputs")


@dataclass(frozen=True, slots=True)
class CountRule:
    """A rule of counting, and the number that it gives for a network.

    >>> CountRule("flops", "work", 8, "2 × MACs").as_dict()
    {'name': 'flops', 'counts': 'work', 'count': 8, 'rule': '2 × MACs'}
    """

    name: str
    subject: Subject
    count: int
    rule: str
    convention: Convention | None = None

    def as_dict(self) -> dict[str, object]:
        return {"name": self.name, "counts": self.subject, "count": self.count, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class StageDifference:
    """What two conventions count differently in one stage, by kind of work.

    >>> StageDifference("layer1", {"batchnorm": 20, "conv bias": 1}).total
    21
    """

    stage: str
    kinds: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True)
class CountDifference:
    """What a convention counts differently than another, by kind of work and by stage; equal parts are left out."""

    before: Convention
    after: Convention
    counts: tuple[int, int]
    terms: tuple[Term, ...]
    stages: tuple[StageDifference, ...]

    def as_dict(self) -> dict[str, object]:
        """The difference as plain data, for `--json`."""
        return {
            "before": self.before.name,
            "after": self.after.name,
            "counts": list(self.counts),
            "terms": [term.as_dict() for term in self.terms],
            "stages": [{"stage": stage.stage, **stage.kinds} for stage in self.stages],
        }


@dataclass(frozen=True, slots=True)
class CountExplanation:
    """Which rules give a printed number for a network.

    >>> import archspec
    >>> explanation = archspec.load("resnet50").explain_count("4.11G")
    >>> [(rule.name, rule.count) for rule in explanation.rules]
    [('fvcore', 4111512576), ('timm', 4111512576)]
    >>> [(term.kind, term.factor, term.amount) for term in explanation.differences[0].terms]
    [('batchnorm', 2, 11113984), ('global pool inputs', 1, 100352)]
    """

    name: str
    number: PrintedNumber
    """The number in the finest of its readings that a rule gives, or as it is printed if none does."""
    rules: tuple[CountRule, ...]
    """The rules that give the number within its precision."""
    variants: tuple[CountRule, ...]
    """If none does, those that do with a term left out, doubled, or without the last layer."""
    nearest: tuple[CountRule, ...]
    """If these do not either, the rules whose numbers are nearest."""
    differences: tuple[CountDifference, ...]
    """For each different number of the rules, its difference from MACs, or from FLOPs if it counts an addition by itself."""

    def as_dict(self) -> dict[str, object]:
        """The explanation as plain data, for `--json`."""
        return {
            "name": self.name,
            "number": {"text": self.number.text, "low": self.number.low, "high": self.number.high},
            "rules": [rule.as_dict() for rule in self.rules],
            "variants": [rule.as_dict() for rule in self.variants],
            "nearest": [rule.as_dict() for rule in self.nearest],
            "differences": [difference.as_dict() for difference in self.differences],
        }


def explain_count(graph: Graph, text: str) -> CountExplanation:
    """Finds the rules that give a printed number within its precision.

    If none gives it with all its digits, zeros at its end are taken as rounded: 300M is then 295 to 305 million.

    Raises:
        PrintedNumberError: the text is no count.

    >>> import archspec
    >>> explain_count(archspec.load("resnet50").graph, "25.6M").rules[0].name
    'params'
    """
    printed = parse_printed_number(text)
    works = {node.id: list_work(node) for node in graph.ops}
    total = Work()
    for work in works.values():
        total.update(work)
    rules = [rule for rule in _list_rules(graph, total) if printed.subject in (None, rule.subject)]
    number, given = _find_rules(rules, printed)
    variants = () if given else _find_variants(graph, total, number)
    nearest = () if given or variants else tuple(sorted(rules, key=lambda rule: number.distance(rule.count))[:_NEAREST])
    conventions: dict[int, Convention] = {}
    for rule in (*given, *variants, *nearest[:1]):
        if rule.convention is not None:
            conventions.setdefault(rule.convention.count(total), rule.convention)
    differences = (_compare_conventions(graph, works, total, convention) for convention in conventions.values())
    return CountExplanation(
        graph.name, number, given, variants, nearest, tuple(found for found in differences if found.terms)
    )


def _list_rules(graph: Graph, work: Work) -> Iterator[CountRule]:
    for convention in CONVENTIONS:
        yield CountRule(convention.name, "work", convention.count(work), convention.rule, convention)
    cost = sum_costs(graph)
    yield CountRule("params", "params", cost.params, "trainable scalars")
    if cost.buffers:
        rule = "trainable scalars and running statistics"
        yield CountRule("params and buffers", "params", cost.params + cost.buffers, rule)
    yield CountRule("acts", "acts", cost.acts, "elements out of convolutions, linear layers and pools, as in pycls")
    acts = sum(work[kind] for kind in _FVCORE_ACTS)
    yield CountRule("fvcore acts", "acts", acts, "the same without pools, as in fvcore and timm")


def _find_rules(rules: Sequence[CountRule], printed: PrintedNumber) -> tuple[PrintedNumber, tuple[CountRule, ...]]:
    """The finest reading of a number that rules give, and these; the number as it is printed if there is none."""
    for number in printed.iter_readings():
        if given := tuple(rule for rule in rules if number.covers(rule.count)):
            return number, given
    return printed, ()


def _find_variants(graph: Graph, work: Work, number: PrintedNumber) -> tuple[CountRule, ...]:
    """The variants of rules that give a number; those of a rule with the fewest terms left out."""
    variants = filter(lambda rule: number.subject in (None, rule.subject), _list_variants(graph, work))
    found: dict[int, CountRule] = {}
    for rule in variants:
        if number.covers(rule.count):
            found.setdefault(rule.count, rule)
    return tuple(found.values())


def _list_variants(graph: Graph, work: Work) -> Iterator[CountRule]:
    for convention in CONVENTIONS:
        extra = [term for term in convention.terms(work) if term.kind not in MACS]
        whole = convention.count(work)
        for count in range(1, len(extra)):
            for left_out in combinations(extra, count):
                names = " and ".join(term.kind for term in left_out)
                yield CountRule(
                    f"{convention.name} without {names}",
                    "work",
                    whole - sum(term.value for term in left_out),
                    convention.rule,
                    convention,
                )
        if convention.factors["conv"] == 1 and convention.name != "macs":
            yield CountRule(f"2 × {convention.name}", "work", 2 * whole, convention.rule, convention)
    yield from _list_headless(graph)


def _list_headless(graph: Graph) -> Iterator[CountRule]:
    """The counts without the last layer with weights: of a network as a backbone."""
    weighted = [(node, cost) for node, cost in iter_node_costs(graph) if node.op.weighted]
    if not weighted:
        return
    node, own = weighted[-1]
    cost, name = sum_costs(graph), node.name or node.op.word
    yield CountRule(f"params without {name}", "params", cost.params - own.params, "trainable scalars of the rest")
    yield CountRule(f"macs without {name}", "work", cost.macs - own.macs, "multiply-accumulates of the rest")
    yield CountRule(f"acts without {name}", "acts", cost.acts - own.acts, "activations of the rest")


def _compare_conventions(
    graph: Graph, works: Mapping[int, Work], total: Work, convention: Convention
) -> CountDifference:
    base = find_convention("flops" if convention.factors["conv"] == 2 else "macs")
    changed = {
        kind: convention.factors.get(kind, 0) - base.factors.get(kind, 0)
        for kind in KINDS
        if convention.factors.get(kind, 0) != base.factors.get(kind, 0) and total[kind]
    }
    stages: dict[str, dict[str, int]] = {}
    for node in graph.ops:
        for kind, factor in changed.items():
            if amount := works[node.id][kind]:
                stage = stages.setdefault(_name_stage(graph, node), {})
                stage[kind] = stage.get(kind, 0) + factor * amount
    return CountDifference(
        base,
        convention,
        (base.count(total), convention.count(total)),
        tuple(Term(kind, factor, total[kind]) for kind, factor in changed.items()),
        tuple(StageDifference(name, kinds) for name, kinds in stages.items()),
    )


def _name_stage(graph: Graph, node: Node) -> str:
    """The first name in the path of a node or of the regions around it; its op if there is none."""
    path = node.path or graph.regions[node.region].path
    return path[0] if path else node.op.word
