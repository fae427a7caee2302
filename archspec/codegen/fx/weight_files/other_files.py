"""Recognises files that are no weights by their first bytes."""

from __future__ import annotations

import re

from archspec.codegen.fx.weight_files.errors import FormatError
from archspec.numerals import format_bytes

_LFS = b"version https://git-lfs.github.com/spec/"
_SIZE = re.compile(rb"^size (\d{1,18})$", re.MULTILINE)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<script")
_KINDS = (
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\xfd7zXZ\x00", "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x93NUMPY", "an array of NumPy"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x7fELF", "a program"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (257, b"ustar", "a tar archive, as torch wrote before 0.2"),
)


def check_kind(start: bytes) -> None:
    """Raises `FormatError` for the first bytes of a file of another kind.

    >>> check_kind(b"<!DOCTYPE html><html>")
    Traceback (most recent call last):
    ...
    archspec.codegen.fx.weight_files.errors.FormatError: it is an HTML page, not the file that was asked for
    """
    if start.startswith(_LFS):
        size = _SIZE.search(start)
        to = f" to a file of {format_bytes(int(size[1]))}" if size else ""
        raise FormatError(f"it is a Git LFS pointer{to}", help="fetch the file itself: git lfs pull")
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_PAGES):
        raise FormatError(
            "it is an HTML page, not the file that was asked for",
            help="the server answered with a page: a login, a confirmation or an error; download the file again",
        )
    if text.startswith((b"<?xml", b"<error")):
        raise FormatError("it is an XML document, as a server answers with an error", help="download the file again")
    if text.startswith((b"{", b"[")):
        raise FormatError("it is JSON, as a server answers with an error; an index of shards ends in .index.json")
    for place, magic, kind in _KINDS:
        if start[place:].startswith(magic):
            raise FormatError(f"it is {kind}")
