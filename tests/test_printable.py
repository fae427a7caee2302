"""Any text is made printable, for any encoding, and tables fit any width."""

from __future__ import annotations

import doctest
import unicodedata
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec import columns, extras, printable
from archspec.columns import Column, display_width, format_table, wrap_line
from archspec.printable import (
    escape_character,
    escape_markup,
    escape_unprintable,
    is_printable,
    mask_unprintable,
    replace_unencodable,
)

ANY = st.text(st.characters(codec=None))  # including surrogates
ODD = st.text(
    st.sampled_from(
        "a\x00\x07\x1b\t\n\r\x7f\x85\x9b\xa0\xad\u0301\u061c\u200b\u200e\u202e\u2028\u2066\ufeff\ud800\udcff\u3164×…網"
    )
)
QUIET = settings(deadline=None, derandomize=True, database=None)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize("module", [columns, extras, printable], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@QUIET
@given(ANY | ODD)
def test_what_is_escaped_is_printable(text: str) -> None:
    shown = escape_unprintable(text)
    assert is_printable(shown)
    assert escape_unprintable(shown) == shown
    assert not any(unicodedata.category(c) in UNSEEN for c in shown)
    assert not is_printable(text) or shown == text


@QUIET
@given(ANY | ODD)
def test_a_mask_keeps_the_length(text: str) -> None:
    shown = mask_unprintable(text)
    assert is_printable(shown)
    assert len(shown) == len(text)


@QUIET
@given(
    ANY | ODD, st.sampled_from(["ascii", "cp1252", "cp437", "latin-1", "gbk", "shift_jis", "koi8-r", "utf-8", "utf-16"])
)
def test_what_an_encoding_lacks_is_spelled(text: str, encoding: str) -> None:
    shown = replace_unencodable(escape_unprintable(text), encoding)
    assert shown.encode(encoding).decode(encoding) == shown
    assert shown.isascii() or is_printable(shown)


@QUIET
@given(ANY | ODD)
def test_markup_holds_no_markup(text: str) -> None:
    shown = escape_markup(text)
    assert not set("<>\"'") & set(shown)
    assert all(map(is_printable, shown.split("\n")))


@pytest.mark.parametrize(
    "character", "\x1b\x07\x9b\u202e\u2066\u200b\u200e\u2028\ufeff\u00ad\u061c\u3164\u115f\ufe0f\U000e0041"
)
def test_characters_that_hide_or_turn_text(character: str) -> None:
    assert not is_printable(f"a{character}b")
    assert escape_unprintable(f"a{character}b") == f"a{escape_character(character)}b"


@pytest.mark.parametrize("text", ["é", "e\u0301", "网络", "שלום", "मराठी", "×²→", "😀"])
def test_scripts_of_the_world_stay(text: str) -> None:
    assert escape_unprintable(text) == text


@QUIET
@given(
    st.lists(st.tuples(ODD, ODD, ODD), max_size=6),
    st.integers(12, 80),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_a_table_fits(rows: list[tuple[str, str, str]], width: int, folds: tuple[bool, bool, bool]) -> None:
    heads = [
        Column(head, right=at == 2, folds=fold)
        for at, (head, fold) in enumerate(zip(("a", "bb", "c c"), folds, strict=True))
    ]
    lines = [
        "".join(cell for cell, _ in line) for line in format_table(heads, rows, width, cuts=((0, 2), (1, 2), (2, 2)))
    ]
    assert max(map(display_width, lines)) <= width
    assert all(map(is_printable, lines))
    whole = ["".join(cell for cell, _ in line) for line in format_table(heads, rows)]
    assert len(whole) == len(rows) + 1
    for line, row in zip(whole[1:], rows, strict=True):
        assert all(
            escape_unprintable(cell).split() == [] or escape_unprintable(cell).split()[0] in line for cell in row
        )


@QUIET
@given(st.lists(st.text("ab 網", min_size=1, max_size=9), max_size=6), st.integers(8, 40), st.integers(0, 4))
def test_a_line_is_wrapped_without_loss(parts: list[str], width: int, indent: int) -> None:
    line = tuple((part, style) for part, style in zip(parts, ["bold", "", "red"] * 2, strict=False))
    text = "".join(parts)
    lines = wrap_line(line, width, indent)
    assert " ".join("".join(part for part, _ in one) for one in lines).split() == text.split()
    bold = "".join(part for one in lines for part, style in one if style == "bold").replace(" ", "")
    assert bold == "".join(part for part, style in line if style == "bold").replace(" ", "")
    for one in lines:
        shown = "".join(part for part, _ in one)
        assert display_width(shown) <= width or len(shown.split()) == 1
