"""Writes files atomically; all of archspec's files are written here."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TextIO

from archspec.temporary import Temporary, lock_folder

STANDARD_OUTPUT = Path("/dev/stdout")
"""The path that stands for standard output, even if there is no such device."""

_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|[0-9]+))/(?:fd/([0-9]+)|(stdin)|(stdout)|(stderr))")
_LINKS = 40  # the most links in a chain, as on Linux
_READS = 3
_BLOCK = 1 << 20
_LONGEST = 200  # the most bytes of a file name made from a network's name


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes text, as UTF-8, or bytes into a file, so that a reader finds either the old content or the new.

    Raises:
        OSError: it cannot be written. The error names `path` as given, and the old file is unchanged.
    """
    with replace_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_together(path: Path, content: bytes, beside: Mapping[Path, bytes]) -> None:
    """Writes a file and those that it refers to, all or none.

    The others are written first, and have names that depend on their content, so that no existing file refers to them. If this is
    interrupted, the old file at `path` still has all files that it refers to.

    Raises:
        OSError: one cannot be written.
    """
    new = [other for other in beside if not other.exists()]
    try:
        for other, data in beside.items():
            write_atomically(other, data)
        write_atomically(path, content)
    except BaseException:
        for other in new:
            with suppress(OSError):
                os.unlink(other)
        raise


def write_folder(folder: Path, content: Mapping[str, bytes]) -> None:
    """Writes files into a folder by name. A new folder is created atomically; in an existing one, each file is replaced atomically.

    Raises:
        OSError: a file cannot be written.
    """
    if folder.exists():
        for name in content:
            check_writable(folder / name)
        for name, data in content.items():
            write_atomically(folder / name, data)
        return
    with _name_user_file(folder):
        os.makedirs(folder.parent, exist_ok=True)
        with write_temporary_folder(content, folder.parent) as whole:
            os.rename(whole, folder)


@contextmanager
def write_temporary_folder(content: Mapping[str, bytes], parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder with files, in `parent` or the system's temporary folder; removed after the block unless it was renamed."""
    import tempfile  # few commands need it

    with tempfile.TemporaryDirectory(prefix=".archspec-", dir=parent) as temporary:
        folder = Path(temporary) / "folder"
        os.mkdir(folder)
        for name, data in content.items():
            write_atomically(folder / name, data)
        yield folder


@contextmanager
def replace_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which replaces `path` at the end of the block, unless there was an exception.

    Links are followed. The permissions of an existing file are kept, and its owner if that is allowed; hard links to it keep the old
    content. A pipe, a device or a descriptor (`/dev/stdout`, `/dev/fd/3`) is not replaced but gets the complete content.

    Raises:
        OSError: it cannot be written. The error names `path` as given, and the old file is unchanged.
    """
    check_writable(path)
    if is_stream(path):
        content = io.BytesIO()
        yield content
        _write_stream(path, content.getvalue())
        return
    with _name_user_file(path):
        temporary = Temporary(Path(os.path.realpath(path)))
    try:
        yield temporary.file
        with _name_user_file(path):
            temporary.finish()
    except BaseException as error:
        temporary.discard()
        if temporary.fault is not None:
            raise _rename_error(temporary.fault, path) from error
        raise


def check_writable(path: Path) -> None:
    """Checks as far as possible that a file can be written, before the work that makes its content.

    Raises:
        OSError: it cannot be written. The error names `path` as given.
    """
    with _name_user_file(path):
        if _descriptor(path) is not None:
            return
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            _check_folder(path)
            return
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if stat.S_ISREG(mode):
            _check_folder(path)


def _check_folder(path: Path) -> None:
    """Raises OSError if no file can be created beside `path`, or beside the target of a link."""
    folder = os.path.dirname(os.path.realpath(path))
    named = folder if os.path.islink(path) else path.parent
    if not os.path.isdir(folder):
        raise OSError(errno.ENOENT, f"no such folder: {named}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, f"no file can be made in {named}")


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, unless they are there.

    Raises:
        OSError: it cannot be made. The error names `path` as given.
    """
    with _name_user_file(path):
        os.makedirs(path, exist_ok=True)


def read_file(path: Path, most: int = -1) -> bytes:
    """The bytes of a file, or the first `most` of them, from one consistent state of the file.

    Raises:
        OSError: it cannot be read, or changes during each attempt. The error names `path`.
    """
    with _name_user_file(path):
        for _ in range(_READS):
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                content = read_most(file, most)
                after = os.fstat(file.fileno())
            unchanged = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
            if unchanged or not stat.S_ISREG(after.st_mode):
                return content
        raise OSError(errno.EAGAIN, "it is written to while it is read")


def read_most(file: IO[bytes], most: int) -> bytes:
    """All bytes of a file, or the first `most` of them; memory is taken for what is there, however large `most` is."""
    if most < 0:
        return file.read()
    blocks, left = [], most
    while left and (block := file.read(min(left, _BLOCK))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def is_standard_output(path: Path) -> bool:
    """Whether a path stands for standard output."""
    return _descriptor(path) == 1


def is_stream(path: Path) -> bool:
    """Whether a path is a pipe, a device or a descriptor of this process, which is written to and not replaced."""
    return _descriptor(path) is not None or (path.exists() and not path.is_file())


def is_same_file(path: Path, other: Path) -> bool:
    """Whether two paths are one file, links followed."""
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def name_file(name: str, ending: str) -> Path:
    """The default file of a network: its name, with characters that a file name cannot have replaced."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".")
    kept = kept.encode(sys.getfilesystemencoding(), "replace").decode(sys.getfilesystemencoding()).replace("?", "_")
    while len(kept.encode()) > _LONGEST:
        kept = kept[:-1]
    return Path((kept or "network") + ending)


def _descriptor(path: Path) -> int | None:
    """The descriptor of this process that a path names, directly or through links; None if it names a file."""
    if path == STANDARD_OUTPUT:
        return 1
    name = os.fspath(path)
    for _ in range(_LINKS):
        number = _find_descriptor_number(os.path.abspath(name))
        if number is not None or not os.path.islink(name):
            return number
        name = os.path.join(os.path.dirname(name), os.readlink(name))
    return None


def _find_descriptor_number(name: str) -> int | None:
    match = _DESCRIPTOR.fullmatch(name)
    if match is None or (
        name.startswith("/proc/") and name.split("/")[2] not in ("self", "thread-self", str(os.getpid()))
    ):
        return None
    number, *standard = match.groups()
    return int(number) if number else next(index for index, word in enumerate(standard) if word)


def _write_stream(path: Path, content: bytes) -> None:
    """Writes bytes to a path that is no regular file. Raises OSError, without a file name if the reader of standard output is gone."""
    number = _descriptor(path)
    if number in (1, 2):
        _write_standard_stream(path, content, sys.stdout if number == 1 else sys.stderr)
        return
    with _name_user_file(path):
        descriptor = os.open(path, os.O_WRONLY) if number is None else os.dup(number)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def _write_standard_stream(path: Path, content: bytes, stream: TextIO | None) -> None:
    """Writes bytes to a standard stream, after its buffered text."""
    try:
        if stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # noqa: TRY301 -- what the system says of such a descriptor
        stream.flush()
        stream.buffer.write(content)
        stream.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _rename_error(error, path) from error


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keeps other processes that hold it out of a folder while the block runs; where there are no locks, it does nothing.

    Raises:
        OSError: another process holds it.
    """
    with lock_folder(folder) as held:
        if not held:
            raise OSError(errno.EBUSY, "another process writes into it", str(folder))
        yield


@contextmanager
def _name_user_file(path: Path) -> Iterator[None]:
    """Makes an OSError name the file that the user named, and not a temporary one."""
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "no file name has a NUL character", str(path))
    try:
        yield
    except OSError as error:
        raise _rename_error(error, path) from error
    except UnicodeEncodeError as error:
        raise OSError(errno.EILSEQ, f"names of files are in {error.encoding} here", str(path)) from error


def _rename_error(error: OSError, path: Path) -> OSError:
    return OSError(error.errno or errno.EIO, error.strerror or str(error), str(path))
