"""Chooses rows of a sweep: by conditions, in an order, on a Pareto front; and writes one as a spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from archspec import files
from archspec.errors import ArchspecError
from archspec.numerals import parse_digits
from archspec.spec.derive import find_reference
from archspec.spec.source_lookup import Spec
from archspec.spec.yaml_writer import write_yaml
from archspec.suggestions import did_you_mean
from archspec.sweep.conditions import Condition, ConditionError, parse_condition
from archspec.sweep.evaluate import restore_point
from archspec.sweep.measures import MEASURES
from archspec.sweep.sections import describe_point, find_file, load_point, split_point
from archspec.sweep.space import Space, read_space
from archspec.sweep.store import BASE, SPACE, TIMINGS, Row, read_rows

_NUMBERS_AS_TEXT = ("paths",)


class ChoiceError(ArchspecError, LookupError):
    """Raised if a sweep has no such column or point.

    >>> select_rows([{"status": "ok", "params": 3}], sort="param")
    Traceback (most recent call last):
        ...
    archspec.sweep.choose.ChoiceError: the sweep has no column 'param'; did you mean 'params'?
    """


def read_table(folder: Path) -> tuple[Space, list[Row]]:
    """The space of a sweep's folder and its rows, with numbers as numbers. Raises `StoreError` and `SpecError`.

    >>> from archspec.sweep.run import run_sweep
    >>> outcome = run_sweep(read_space("{name: s, base: highway_mnist_fc10, over: {width: [10, 20]}}"), Path("two"))
    >>> [(row["width"], row["paths"]) for row in read_table(Path("two"))[1]]
    [(10, 512), (20, 512)]
    """
    joined = {"timings": list(TIMINGS)[1:], **{name: measure.columns for name, measure in MEASURES.items()}}
    rows = [
        row | {name: parse_digits(row[name]) for name in _NUMBERS_AS_TEXT if row.get(name)}
        for row in read_rows(folder, joined)
    ]
    space = read_space(folder / SPACE)
    return replace(space, folder=folder, kept=(folder / BASE).is_file()), rows


def select_rows(
    rows: Sequence[Row],
    *,
    where: Iterable[str] = (),
    sort: str | None = None,
    pareto: Sequence[str] = (),
    top: int | None = None,
    distinct: bool = False,
) -> list[Row]:
    """The rows that meet conditions, in an order.

    Args:
        rows: of one sweep.
        where: conditions, as in a space; without one about the status, rows that are "ok".
        sort: a column; with `-` before it, the greatest first.
        pareto: columns of which less is better, or more with `-` before it; rows that another one is no worse than in each and
            better than in one are left out.
        top: the most rows.
        distinct: whether of networks with the same structure only the first is kept.

    Raises:
        ChoiceError: there is no such column.
        ConditionError: a condition is wrong.

    >>> rows = [{"status": "ok", "params": 3, "macs": 1}, {"status": "ok", "params": 2, "macs": 2}, {"status": "ok", "params": 3, "macs": 2}]
    >>> [row["params"] for row in select_rows(rows, pareto=["params", "macs"], sort="params")]
    [2, 3]
    """
    conditions = [parse_condition(text) for text in where]
    if not any("status" in condition.names for condition in conditions):
        rows = [row for row in rows if row["status"] == "ok"]
    named = [name for condition in conditions for name in sorted(condition.names)]
    require_columns(rows, [*named, *pareto, *([sort] if sort else [])])
    chosen = [row for row in rows if all(_holds(condition, row) for condition in conditions)]
    if distinct:
        chosen = list({row["structure"]: row for row in reversed(chosen)}.values())[::-1]
    if pareto:
        chosen = find_front(chosen, pareto)
    if sort:
        chosen = _sort_rows(chosen, sort)
    return chosen[:top]


def require_columns(rows: Sequence[Row], columns: Iterable[str]) -> None:
    """Raises `ChoiceError` if rows lack a column; `-` before its name is left out.

    >>> require_columns([{"params": 3}], ["-params"])
    """
    known = list(rows[0]) if rows else []
    for name in map(_strip, columns):
        if known and name not in known:
            advice = did_you_mean(name, known) or f"it has {', '.join(known)}"
            raise ChoiceError(f"the sweep has no column {name!r}; {advice}")


def find_front(rows: Sequence[Row], objectives: Sequence[str]) -> list[Row]:
    """The rows that no other dominates: none is at least as good in each objective and better in one.

    >>> find_front([{"a": 1, "b": 2}, {"a": 2, "b": 2}, {"a": 2, "b": 3}], ["a", "-b"])
    [{'a': 1, 'b': 2}, {'a': 2, 'b': 3}]
    """
    ranked = sorted(
        ((tuple(_rank(row, objective) for objective in objectives), row) for row in rows if _has_all(row, objectives)),
        key=lambda pair: pair[0],
    )
    front: list[tuple[tuple[Any, ...], Row]] = []
    for values, row in ranked:  # those that come later cannot dominate those before
        if not any(_dominates(other, values) for other, _ in front):
            front.append((values, row))
    return [row for _, row in front]


def _dominates(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    return first != second and all(a <= b for a, b in zip(first, second, strict=True))


def _sort_rows(rows: Sequence[Row], column: str) -> list[Row]:
    """The rows in the order of a column, backwards with `-` before its name; those without a value last."""
    name = _strip(column)
    known = sorted((row for row in rows if row[name] is not None), key=itemgetter(name), reverse=column.startswith("-"))
    return [*known, *(row for row in rows if row[name] is None)]


def _has_all(row: Row, objectives: Sequence[str]) -> bool:
    return all(row.get(_strip(objective)) is not None for objective in objectives)


def _rank(row: Row, column: str) -> Any:
    value = row[_strip(column)]
    return -value if column.startswith("-") and isinstance(value, int | float) else value


def _strip(column: str) -> str:
    return column.removeprefix("-")


def _holds(condition: Condition, row: Row) -> bool:
    try:
        return condition.holds(row)
    except ConditionError:
        return False  # the row has no value there


def pick_point(folder: Path, digest: str) -> tuple[Spec, Mapping[str, Any]]:
    """The base of a sweep and the arguments of one of its points, found by the first digits of its digest.

    Raises:
        ChoiceError: no point begins with them, or several do.

    >>> from archspec.sweep.run import run_sweep
    >>> outcome = run_sweep(read_space("{name: s, base: highway_mnist_fc10, over: {width: [10, 20]}}"), Path("two"))
    >>> pick_point(Path("two"), read_table(Path("two"))[1][0]["digest"][:8])
    ('highway_mnist_fc10', {'width': 10})
    """
    space, rows = read_table(folder)
    found = [row["digest"] for row in rows if row["digest"].startswith(digest.lower())]
    if len(found) != 1:
        count = f"{len(found)} points begin" if found else "no point begins"
        raise ChoiceError(f"{count} with {digest!r} in {folder}")
    return space.spec, restore_point(space, next(row for row in rows if row["digest"] == found[0]))


def save_point(folder: Path, digest: str, path: Path) -> None:
    """Writes a point of a sweep as a spec of a few lines that extends its base.

    Raises:
        ChoiceError: no point begins with these digits, or several do.
        ExportError: the spec cannot be where it is asked for.
        OSError: it cannot be written.

    >>> from archspec.sweep.run import run_sweep
    >>> text = "{name: s, base: resnet18, over: {stages.avgpool: [globalpool, {globalpool: max}]}}"
    >>> outcome = run_sweep(read_space(text), Path("pools"))
    >>> save_point(Path("pools"), read_table(Path("pools"))[1][1]["digest"], Path("largest.yaml"))
    >>> print(Path("largest.yaml").read_text(encoding="utf-8"), end="")
    extends: resnet18
    name: largest
    stages:
      avgpool:
        globalpool: max
    """
    spec, point = pick_point(folder, digest)
    file, arch = find_file(spec), load_point(spec, point)
    if file is None or not split_point(point)[1]:
        arch.save(path, ending=".yaml")
        return
    place = Path("picked.yaml") if files.is_stream(path) else path
    files.write_atomically(path, write_yaml(describe_point(find_reference(file, place), place.stem, point)))
