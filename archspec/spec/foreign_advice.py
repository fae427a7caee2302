"""Gives advice for ops, arguments, keys and options of other libraries: their names here, or that there are none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from archspec.ops import BY_WORD
from archspec.ops.activation import Activation
from archspec.spec import foreign_words
from archspec.suggestions import did_you_mean, find_nearest, suggest_nearest

_DIMENSION = re.compile(r"(?<=[a-z])[123]d(?=$|[a-z])")


def normalize_word(word: str) -> str:
    """A word without module, case, separators, number of dimensions and `Layer`, in which libraries differ.

    >>> normalize_word("nn.MaxPool2d"), normalize_word("conv_transpose"), normalize_word("Conv2DTranspose"), normalize_word("flatten_")
    ('maxpool', 'convtranspose', 'convtranspose', 'flatten')
    """
    return _DIMENSION.sub("", _flatten_word(word))


def _flatten_word(word: str) -> str:
    flat = re.sub(r"[-_\s]", "", word.rpartition(".")[2].lower())
    return flat.removesuffix("layer") or flat


_WORDS = {normalize_word(word): word for word in BY_WORD}


def advise_layer(word: str) -> str | None:
    """Advice for another library's word for a layer; None for an unknown word.

    >>> advise_layer("swish"), advise_layer("BatchNorm2d"), advise_layer("GlobalMaxPool2D"), advise_layer("rellu")
    ("did you mean 'silu'?", "did you mean 'batchnorm'?", 'write globalpool: max', None)
    """
    same = translate_word(word)
    if same is not None:
        return f"did you mean {same!r}?"
    for key in (_flatten_word(word), normalize_word(word)):
        if key in foreign_words.FORMS:
            return f"write {foreign_words.FORMS[key]}"
        if key in foreign_words.MISSING:
            return foreign_words.MISSING[key]
        if key in foreign_words.ACTIVATIONS:
            there = ", ".join(op.word for op in BY_WORD.values() if issubclass(op, Activation))
            return f"there is no {word[:60]}; the activations are {there}"
    return None


def translate_word(word: str) -> str | None:
    """The op or iterator for another library's word, or None."""
    keys = (_flatten_word(word), normalize_word(word))
    return next((same for key in keys if (same := foreign_words.OPS.get(key) or _WORDS.get(key))), None)


def advise_op(word: str) -> str:
    """Advice for an unknown op: that for another library's word, or else the nearest op.

    >>> advise_op("Conv2d"), advise_op("linera")
    ("did you mean 'conv'?", "did you mean 'linear'?")
    """
    same = translate_word(word)
    return f"did you mean {same!r}?" if same in BY_WORD else did_you_mean(word, BY_WORD) or ""


def advise_argument(name: str, known: Iterable[str], *, op: bool = False) -> str | None:
    """Advice for an unknown argument: another library's name for one of `known`, the nearest of them, or all; for an `op`, also why there is none.

    None only if `known` is empty.

    >>> advise_argument("kernel_size", ["out", "kernel"]), advise_argument("in_channels", ["out"], op=True)
    ("did you mean 'kernel'?", 'the width of the input is known: leave it out')
    """
    fields = list(known)
    same = translate_argument(name, fields)
    if same is not None:
        return f"did you mean {same!r}?"
    said = foreign_words.LEFT_OUT.get(normalize_word(name)) if op else None
    return said or did_you_mean(name, fields)


def translate_argument(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that another library's argument, or a misspelt one, stands for; or None."""
    key, fields = normalize_word(name), list(known)
    same = next((field for field in fields if normalize_word(field) == key), None)
    same = same or next((field for field in foreign_words.FIELDS.get(key, ()) if field in fields), None)
    return same or (None if key in foreign_words.LEFT_OUT else find_nearest(name, fields))


def advise_key(owner: str, name: str, known: Iterable[str]) -> str | None:
    """Advice for an unknown key of `owner` (a spec, a block, an iterator): another library's name for one of `known`, or the nearest."""
    same = translate_key(owner, name, known)
    return f"did you mean {same!r}?" if same is not None else None


def translate_key(owner: str, name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that another library's key, or a misspelt one, stands for; or None."""
    keys = list(known)
    same = foreign_words.KEYS[owner].get(normalize_word(name))
    return same if same in keys else find_nearest(name, keys)


def advise_option(word: str, options: Iterable[str]) -> str | None:
    """Advice for an unknown option: another library's word for one of `options`, or the nearest; or None."""
    known = list(options)
    said = foreign_words.VALUES.get(normalize_word(word))
    named = said is not None and any(repr(option) in said for option in known)
    if said is not None and (named or (normalize_word(word) == "valid" and "same" in known)):
        return said
    return suggest_nearest(word, known)
