"""The parts of the source back end: expressions, line breaks, loops, branches, and the final check."""

from __future__ import annotations

import ast
from pathlib import Path
from random import Random

import pytest

import archspec
from archspec.codegen.arguments import is_attribute, make_argument_names, make_identifier
from archspec.codegen.branches import DEEPEST, Branch, Operation, arrange_branches
from archspec.codegen.errors import InternalError
from archspec.codegen.initialisers import find_initialiser
from archspec.codegen.python import module_file
from archspec.codegen.python.formatter import WIDTH, format_expression, format_statement, wrap_statement
from archspec.codegen.python.loop_rolling import roll_loops
from archspec.codegen.python.syntax import make_literal, parse_expression
from archspec.ir.names import UniqueNames
from archspec.ops.initial import Init

ONE_LINE = [
    "a + b * c",
    "(a + b) * c",
    "a - (b - c)",
    "a - b - c",
    "a @ b / (c @ d)",
    "-(a + 1)",
    "f(x)[0]",
    "(a + b).shape[0]",
    "x if self.m is None else self.m(x)",
    "a + (x if self.m is None else self.m(x))",
    "f(a, (), b=1)",
    "[a, (b, c), (d,)]",
    "{1, 2}",
    '"say \\"so\\" \\\\"',
    'f"layer{i + 1}"',
    "1e-05",
    "1e300",
    "float | None",
    "tuple[int, ...]",
]


@pytest.mark.parametrize("text", ONE_LINE)
def test_code_on_one_line_means_what_it_was_made_of(text: str) -> None:
    tree = parse_expression(text)
    written = format_expression(tree)
    assert ast.dump(parse_expression(written)) == ast.dump(tree)


def test_literals_have_their_sign_and_their_type() -> None:
    values = [0, 1, -1, -0.0, 0.0, 1.5, -2.5e-7, True, False, None, "a", (1,), (1, -2), (), 10**400, float("-inf")]
    for value in values:
        text = format_expression(make_literal(value))
        assert repr(eval(text)) == repr(value)  # noqa: S307 - a literal of our own


def test_nothing_unprintable_is_written() -> None:
    text = 'a"b\\ \x1b[31m \u202e \x00 é \ud800'
    for written in (
        format_expression(make_literal(text)),
        "\n".join(format_statement(ast.Expr(ast.Constant(f'{text} """\nend\n')))),
    ):
        assert all(line.isprintable() for line in written.splitlines())
    assert ast.literal_eval(format_expression(make_literal(text))) == text


@pytest.mark.parametrize(
    "text",
    [
        f"f({', '.join(f'argument{at}' for at in range(20))})",
        f"f({'a' * 60}, g({', '.join(f'argument{at}' for at in range(20))}), key={'b' * 50})",
        f"[{', '.join('word' * 5 + str(at) for at in range(9))}]",
        f"{'left' * 15} + {'right' * 15} + {'last' * 15}",
        f"f({'left' * 15} + {'right' * 15}, {'a' * 70})",
        f"{'x' * 60} if {'condition' * 6} else {'y' * 60}",
        f"name in {{{', '.join(repr('word' * 5 + str(at)) for at in range(9))}}}",
    ],
)
def test_long_lines_are_broken_and_keep_their_meaning(text: str) -> None:
    tree = parse_expression(text)
    broken = wrap_statement("value = ", tree)
    assert ast.dump(ast.parse("\n".join(broken)).body[0].value) == ast.dump(tree)  # type: ignore[attr-defined]
    assert max(map(len, broken)) <= WIDTH
    assert len(broken) > 1


def drawn_expression(random: Random, depth: int) -> ast.expr:
    """Random nested sums, products, calls and conditions with long and short names."""
    kind = random.choice(("name", "operator", "operator", "call", "condition", "and")) if depth else "name"
    inner = [drawn_expression(random, depth - 1) for _ in range(3)] if kind != "name" else []
    match kind:
        case "operator":
            return ast.BinOp(inner[0], random.choice((ast.Add, ast.Mult, ast.Div, ast.MatMult, ast.BitOr))(), inner[1])
        case "call":
            return ast.Call(ast.Attribute(inner[0], "view"), inner[1:], [])
        case "condition":
            return ast.IfExp(inner[0], inner[1], inner[2])
        case "and":
            return ast.BoolOp(ast.And(), inner)
    return ast.Name(random.choice("xyz") * random.choice((1, 8, 30)))


def test_whatever_is_broken_keeps_its_meaning() -> None:
    random = Random(1)
    for _ in range(400):
        tree = drawn_expression(random, 4)
        text = "\n".join(wrap_statement("value = ", tree))
        assert ast.unparse(ast.parse(text)) == f"value = {ast.unparse(tree)}"


def test_repetitions_are_loops() -> None:
    calls = ast.parse("\n".join(f"x = self[{3 + 2 * turn}](x, -{turn})" for turn in range(4)) + "\ny = x\ny = x").body
    written = [line for node in roll_loops(calls) for line in format_statement(node)]
    assert written == ["for i in range(4):", "    x = self[2 * i + 3](x, -i)", "y = x", "y = x"]


def test_what_differs_in_more_than_steps_is_no_loop() -> None:
    for text in ("a(1)\na(2)\na(4)", "a(1)\na(1.0)\na(1)", "a(True)\na(1)\na(True)", "a(x)\na(y)\na(x)"):
        assert roll_loops(nodes := ast.parse(text).body) == nodes


def test_names_are_pythons_and_differ() -> None:
    assert [make_identifier(text) for text in ("class", "a-b", "3d", "__x", "é", "ﬁ")] == [
        "class_", "a_b", "_3d", "_x", "é", "fi",
    ]  # fmt: skip
    names = make_argument_names(["self", "torch", "a-b", "a_b", "i", "F"])
    assert len(set(names)) == 6
    assert all(is_attribute(name) for name in names)
    free = UniqueNames(["out2"])
    assert [free.take("out") for _ in range(3)] == ["out", "out3", "out4"]


def test_a_scheme_has_only_the_arguments_that_differ() -> None:
    assert find_initialiser(Init(kind="normal", std=0.02)) == ("normal_", {"std": 0.02})
    assert find_initialiser(Init(kind="trunc_normal", low=-2.0)) == ("trunc_normal_", {})
    assert find_initialiser(Init(kind="kaiming_normal")) == ("kaiming_normal_", {"nonlinearity": "relu"})


def operations(*texts: str) -> list[Operation]:
    """`y = drop x` and the like as operations."""
    operations = []
    for text in texts:
        result, _, made = text.partition(" = ")
        role, *reads = made.split()
        operations.append(Operation(tuple(reads), (result,), role))  # type: ignore[arg-type]
    return operations


def test_a_branch_stands_before_the_sum_that_it_enters() -> None:
    unit = operations("a = other x", "d = drop a", "s = other x", "y = sum d s")
    assert arrange_branches(unit, ["y"]) == [2, Branch(1, (0,), "s"), 3]


@pytest.mark.parametrize(
    "texts",
    [
        ("a = other x", "d = drop a", "y = other d x"),  # no sum
        ("a = other x", "d = drop a", "y = sum d a"),  # the branch has another consumer
        ("a = other x", "d = drop a", "p = constant", "y = sum d p"),  # a constant has no batch
        ("d = drop x", "y = sum d x"),  # an empty branch
    ],
)
def test_what_cannot_be_left_out_stays_in_order(texts: tuple[str, ...]) -> None:
    assert arrange_branches(operations(*texts), ["y"]) == list(range(len(texts)))


def test_branches_inside_one_another_are_left_out_to_a_depth() -> None:
    texts = ["v0 = other x"]
    for depth_ in range(1, DEEPEST + 5):
        texts += [f"d{depth_} = drop v{depth_ - 1}", f"v{depth_} = sum d{depth_} x"]
    (*items, _) = arrange_branches(operations(*texts), [f"v{DEEPEST + 4}"])
    depth = 0
    while items:
        branches = [item for item in items if isinstance(item, Branch)]
        depth += bool(branches)
        items = list(branches[0].items) if branches else []
    assert depth == DEEPEST


def test_source_that_says_something_else_is_never_delivered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "net.py"
    for wrong, message in ((["x = ("], "no Python"), (["x = 1"], "not what was generated")):
        monkeypatch.setattr(module_file, "format_statement", lambda node, wrong=wrong: wrong)
        with pytest.raises(InternalError, match=message):
            archspec.load("resnet18").save(target)
        assert not target.exists()


def test_weights_are_not_written_into_source(tmp_path: Path) -> None:
    with pytest.raises(archspec.ExportError, match="holds no weights"):
        archspec.load("lstm").save(tmp_path / "net.py", weights="lstm.safetensors")
