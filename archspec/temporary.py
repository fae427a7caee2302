"""Temporary files beside a target, which replace it when their content is complete.

The name is `.TARGET.PID-RANDOM.archspec`, and the file is locked while it is written. The file of a killed process is not locked, and the
next write to the same target removes it; on a file system without locks it stays.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ModuleNotFoundError:  # Windows does not remove open files, which serves as a lock
    fcntl = None  # type: ignore[assignment]

_ENDING = ".archspec"
_LONGEST = 100  # the most bytes of the target's name in the temporary file's
_ATTEMPTS = 100


class Temporary:
    """A temporary file for a target. Raises OSError, as its methods do."""

    def __init__(self, target: Path) -> None:
        remove_abandoned(target)
        self._target = target
        self._raw = _create_file(target)
        self.file: io.BufferedWriter = io.BufferedWriter(self._raw)
        """The file object for the content."""

    @property
    def fault(self) -> OSError | None:
        """The error of a failed write, or None."""
        return self._raw.fault

    def finish(self) -> None:
        """Replaces the target."""
        self.file.flush()
        if self.fault is not None:
            raise self.fault
        _sync_file(self._raw.fileno())
        if fcntl is None:  # Windows does not rename open files
            self.file.close()
        os.replace(self._raw.path, self._target)
        with suppress(OSError):  # the target has been replaced, so that an error does not matter
            self.file.close()
            _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Removes the file, if possible."""
        _remove_file(self.file, self._raw.path)


class _Raw(io.FileIO):
    """The unbuffered file. After a failed write it accepts and discards further data.

    `finish` raises the error. An exception in `write` would abort the process if C++ calls it (torch writes the rest of its archive
    in a destructor), and other libraries replace or swallow it.
    """

    fault: OSError | None = None

    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__(descriptor, "w")
        self.path = path

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        if self.fault is not None:
            return size
        try:
            written = os.write(self.fileno(), data)
        except OSError as error:
            self.fault = error
            return size
        if not written and size:
            self.fault = OSError(errno.EIO, "nothing was written")
        return written or size


def _create_file(target: Path) -> _Raw:
    """Creates a locked file for a target, with the target's permissions."""
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mode = 0o666
    for _ in range(_ATTEMPTS):
        path = target.with_name(f"{_name_prefix(target)}{os.getpid()}-{os.urandom(4).hex()}{_ENDING}")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        except FileExistsError:
            continue
        raw = _Raw(descriptor, path)
        try:
            if _lock_file(descriptor, path):
                _keep_access(raw, target)
                return raw
        except BaseException:
            _remove_file(raw, path)
            raise
        raw.close()
    raise OSError(errno.EEXIST, "no name for a temporary file is free")


def _remove_file(file: io.RawIOBase | io.BufferedWriter, path: Path) -> None:
    """Closes and removes a file, if possible."""
    with suppress(OSError):
        file.close()
    with suppress(OSError):
        os.unlink(path)


def _lock_file(descriptor: int, path: Path) -> bool:
    """Locks a new file; False if another process has already removed it as abandoned."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks on this file system, so no process removes it as abandoned
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def lock_folder(folder: Path) -> Iterator[bool]:
    """Locks a folder for the block, if no other process has; True also where there are no locks."""
    if fcntl is None:
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = True
    except BlockingIOError:
        held = False
    except OSError:  # no locks on this file system
        held = True
    try:
        yield held
    finally:
        os.close(descriptor)


def _keep_access(raw: _Raw, target: Path) -> None:
    """Gives a new file the permissions of its target, and its owner and group if that is allowed."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return
    mode, new = stat.S_IMODE(old.st_mode), os.fstat(raw.fileno())
    alike = (old.st_uid, old.st_gid) == (new.st_uid, new.st_gid)
    if not alike and not _set_owner(raw, old.st_uid, old.st_gid) and not _set_owner(raw, -1, old.st_gid):
        mode &= ~stat.S_IRWXG  # these permissions were for another group
    with suppress(PermissionError):  # a file system without permissions
        os.chmod(raw.path, mode)


def _set_owner(raw: _Raw, owner: int, group: int) -> bool:
    try:
        os.fchown(raw.fileno(), owner, group)
    except OSError:
        return False
    return True


def _sync_file(descriptor: int) -> None:
    """Flushes a file to the disk, if the file system supports that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync_file(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(target: Path) -> None:
    """Removes the temporary files of a target that no process has locked."""
    name = re.compile(re.escape(_name_prefix(target)) + r"\d+-[0-9a-f]{8}" + re.escape(_ENDING))
    with suppress(OSError), os.scandir(target.parent) as entries:
        for path in [entry.path for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: str) -> None:
    """Removes a temporary file. Raises OSError if it cannot be removed, or if a process still writes to it."""
    if fcntl is None:
        os.unlink(path)
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.unlink(path)
    finally:
        os.close(descriptor)


def _name_prefix(target: Path) -> str:
    """The prefix of the names of a target's temporary files."""
    name = target.name
    while len(os.fsencode(name)) > _LONGEST:
        name = name[:-1]
    return f".{name}."
