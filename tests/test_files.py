"""Files are written atomically with any failure, and pipes and devices are never replaced."""

from __future__ import annotations

import ast
import errno
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from archspec import files, temporary
from archspec.files import check_writable, is_same_file, read_file, replace_file, write_atomically, write_together
from tests.faults import FAULTS, always, failing, nth
from tests.processes import open_endless_pipe

CHECKOUT = Path(__file__).parent.parent
ROOT = not hasattr(os, "geteuid") or os.geteuid() == 0
POSIX = hasattr(os, "mkfifo")
CONTENT = b"new" * 50_000  # larger than a buffer


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_and_old_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    write_atomically(path, "one ×\n")
    assert path.read_bytes() == "one ×\n".encode()
    path.chmod(0o640)
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["a.yaml"]


def test_a_new_file_has_the_permissions_of_any(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "")
    (tmp_path / "b").write_text("", encoding="utf-8")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_private_file_is_never_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch(0o600)
    with replace_file(path) as file:
        (beside,) = (entry for entry in tmp_path.iterdir() if entry != path)
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600
        file.write(b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(not ROOT or not POSIX, reason="only root may give files away")
def test_the_owner_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.touch()
    os.chown(path, 1234, 5678)
    path.chmod(0o664)
    write_atomically(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (1234, 5678, 0o664)
    monkeypatch.setattr(temporary, "_set_owner", lambda *_: False)  # as for anybody but root
    write_atomically(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604  # permissions of the old group are not given to another


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link, chain = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    path.write_text("old")
    link.symlink_to(path)
    chain.symlink_to("b")
    write_atomically(chain, "new")
    assert link.is_symlink()
    assert chain.is_symlink()
    assert path.read_text() == "new"
    assert is_same_file(path, link)
    assert not is_same_file(path, tmp_path / "d")


def test_a_link_to_what_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to("folder/target")
    write_atomically(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "folder" / "target").read_text() == "new"


# -- what fails -----------------------------------------------------------------------------------------------------


def steps(path: Path) -> list[str]:
    """The system calls of one write."""
    with failing() as layer:
        write_atomically(path, CONTENT)
    return layer.calls


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.__getitem__)
@pytest.mark.parametrize("there", [True, False], ids=["replaced", "new"])
def test_whichever_call_fails_the_file_is_the_old_one_or_the_new_one(code: int, there: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    for number in range(len(steps(path))):
        path.write_text("old")
        if not there:
            path.unlink()
        try:
            with failing(nth(number, code)) as layer:
                write_atomically(path, CONTENT)
        except OSError as error:
            told = error.errno, error.filename
            assert told == (code, str(path))
            assert path.exists() == there
            assert not there or path.read_text() == "old"
        else:
            assert path.read_bytes() == CONTENT, f"{layer.calls[number]} failed, and nothing was said"
        assert [name for name in names(tmp_path) if name != "a"] == []


def test_the_calls_that_matter_are_among_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    assert {"open", "write", "chmod", "fsync", "replace"} <= set(steps(tmp_path / "a"))


@pytest.mark.parametrize("name", ["write", "fsync", "replace"])
def test_a_disk_that_stays_full(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"), failing(always(name, errno.ENOSPC)):
        write_atomically(path, CONTENT)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_short_writes_add_up(tmp_path: Path) -> None:
    with failing(short=True) as layer:
        write_atomically(tmp_path / "a", CONTENT)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert layer.calls.count("write") > 3


def test_a_library_that_forgets_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old", encoding="utf-8")

    def save() -> None:
        with replace_file(path) as file:
            file.write(CONTENT)
            raise RuntimeError("the archive cannot be written")  # as from a library

    with pytest.raises(OSError, match="No space") as caught, failing(always("write", errno.ENOSPC)):
        save()
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_exception_in_between(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def save() -> None:
        with replace_file(path) as file:
            file.write(CONTENT)
            raise error

    with pytest.raises(error):
        save()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"), replace_file(tmp_path / "a") as file:
        file.write((tmp_path / "missing").read_bytes())


_KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from archspec import temporary
from archspec.files import write_atomically
from tests.faults import CALLS, Layer

path = Path(sys.argv[1])
def child(number):
    def fail(at, name):
        if at == number:
            os.kill(os.getpid(), signal.SIGKILL)
    layer = temporary.os = Layer(fail)
    write_atomically(path, b"new" * 50_000)
    os._exit(0)
for number in range(1000):
    path.write_text("old")
    process = os.fork()
    if not process:
        child(number)
    _, status = os.waitpid(process, 0)
    left = [name for name in os.listdir(path.parent) if name != path.name]
    whole = path.read_bytes() in (b"old", b"new" * 50_000)
    write_atomically(path, b"next")
    after = [name for name in os.listdir(path.parent) if name != path.name]
    print(number, whole, len(left), len(after), path.read_text())
    if os.WIFEXITED(status):
        break
"""


@pytest.mark.skipif(not POSIX, reason="processes are killed by signals")
def test_a_process_killed_at_any_step_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """And the next write removes what it left."""
    root = Path(__file__).parent.parent
    run = [sys.executable, "-c", _KILLED, str(tmp_path / "a"), str(root)]
    done = subprocess.run(run, capture_output=True, encoding="utf-8", check=True, cwd=tmp_path.parent)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) > 6
    assert {tuple(row[1:2] + row[3:]) for row in rows} == {("True", "0", "next")}
    assert any(row[2] == "1" for row in rows), "no kill left anything to be removed"


@pytest.mark.skipif(not POSIX, reason="Windows keeps no file that is open from being found")
def test_the_file_of_a_process_at_work_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replace_file(path) as slow:
        slow.write(b"slow")
        write_atomically(path, "quick")
        assert path.read_text() == "quick"
        assert len(names(tmp_path)) == 2
    assert path.read_text() == "slow"
    assert names(tmp_path) == ["a"]


def test_only_temporary_files_of_the_same_target_are_removed(tmp_path: Path) -> None:
    kept = [".a.1-0123abcd", "a.1-0123abcd.archspec", ".b.1-0123abcd.archspec", ".a.x-0123abcd.archspec", ".a.yaml"]
    for name in (*kept, ".a.1-0123abcd.archspec"):
        (tmp_path / name).touch()
    write_atomically(tmp_path / "a", "")
    assert names(tmp_path) == sorted([*kept, "a"])


@pytest.mark.skipif(not POSIX, reason="links need a right of their own on Windows")
def test_a_link_called_like_a_temporary_file_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".a.1-0123abcd.archspec").symlink_to("precious")
    write_atomically(tmp_path / "a", "")
    assert (tmp_path / "precious").read_text() == "precious"


def test_many_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    texts = [str(number) * 100_000 for number in range(8)]
    writers = [threading.Thread(target=write_atomically, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts
    assert names(tmp_path) == ["a"]


# -- what is refused before -----------------------------------------------------------------------------------------


def test_what_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere/a")
    for name, message in [
        ("folder", "Is a directory"),
        ("none/a", f"no such folder: {tmp_path / 'none'}"),
        ("file/a", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("loop", "Too many levels of symbolic links"),
        ("dangling", f"no such folder: {tmp_path / 'nowhere'}"),
    ]:
        for refused in (check_writable, lambda path: write_atomically(path, "")):
            with pytest.raises(OSError, match=re.escape(message)) as caught:
                refused(tmp_path / name)
            assert caught.value.filename == str(tmp_path / name)
    assert names(tmp_path) == ["dangling", "file", "folder", "loop"]


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_what_may_not_be_written(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("old")
    kept.chmod(0o444)
    with pytest.raises(PermissionError, match="kept"):
        write_atomically(kept, "new")
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError, match="no file can be made in"):
        check_writable(tmp_path / "new")
    tmp_path.chmod(0o755)


def test_permissions_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as the test before, for root."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="no file can be made in"):
        check_writable(tmp_path / "new")


def test_a_name_as_long_as_the_system_takes(tmp_path: Path) -> None:
    for name in ("n" * 255, "ü" * 127, "a" * 99 + "é" * 50):
        write_atomically(tmp_path / name, "content")
        assert names(tmp_path) == [name]
        (tmp_path / name).unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n\x1b[2J"))
    write_atomically(path, "content")
    assert path.read_text() == "content"
    assert len(names(tmp_path)) == 1


# -- what is no file ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not POSIX, reason="needs named pipes")
def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.svg"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    check_writable(pipe)
    write_atomically(pipe, CONTENT)
    reader.join()
    assert got == [CONTENT]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe.svg"]


@pytest.mark.skipif(not POSIX, reason="needs devices")
def test_devices_are_written_to() -> None:
    null = Path(os.devnull)
    before = null.stat()
    write_atomically(null, CONTENT)
    assert os.path.samestat(before, null.stat())
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space") as caught:
            write_atomically(Path("/dev/full"), b"x")
        assert caught.value.filename == "/dev/full"


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs names of descriptors")
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_a_descriptor_is_written_to_where_it_stands(name: str, tmp_path: Path) -> None:
    """At the descriptor's position: `{ echo before; archspec draw … -o /dev/fd/3; echo after; } 3> file`."""
    if name.startswith("/proc") and sys.platform != "linux":
        pytest.skip("is Linux's")
    with (tmp_path / "file").open("wb") as file:
        path = Path(name.format(file.fileno()))
        if name == "link":
            path = tmp_path / "link"
            path.symlink_to(f"/dev/fd/{file.fileno()}")
        file.write(b"before ")
        file.flush()
        assert files.is_stream(path)
        write_atomically(path, "content")
        file.seek(0, os.SEEK_END)
        file.write(b" after")
    assert (tmp_path / "file").read_bytes() == b"before content after"


def test_standard_output_comes_after_what_was_printed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    print("before")  # noqa: T201 -- what is tested
    write_atomically(files.STANDARD_OUTPUT, b"content\xff")
    assert capfdbinary.readouterr().out == b"before\ncontent\xff"


def test_a_pipe_gets_nothing_of_what_fails(tmp_path: Path) -> None:
    got: list[bytes] = []

    def save() -> None:
        with replace_file(files.STANDARD_OUTPUT) as file:
            file.write(b"first")
            raise ValueError("half")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_write_stream", lambda _, content: got.append(content))
        with pytest.raises(ValueError, match="half"):
            save()
    assert got == []


# -- several files --------------------------------------------------------------------------------------------------


def test_files_that_belong_together_are_both_there_or_neither(tmp_path: Path) -> None:
    path, beside = tmp_path / "net.onnx", tmp_path / "net.onnx.0123.data"
    path.write_text("old")
    with failing() as layer:
        write_together(path, b"main", {beside: b"data"})
    beside.unlink()
    for number in range(len(layer.calls)):
        path.write_text("old")
        try:
            with failing(nth(number, errno.ENOSPC)):
                write_together(path, b"main", {beside: b"data"})
        except OSError:
            assert (path.read_text(), names(tmp_path)) == ("old", ["net.onnx"])
        else:
            assert (path.read_bytes(), beside.read_bytes()) == (b"main", b"data")
            beside.unlink()


# -- reading --------------------------------------------------------------------------------------------------------


def test_reading_says_which_file_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(CONTENT)
    assert read_file(path) == CONTENT
    assert read_file(path, 10) == CONTENT[:10]
    for name, message in [
        ("b", "No such file"),
        (".", "Is a directory"),
        ("a/b", "Not a directory"),
        ("n" * 300, "too long"),
    ]:
        with pytest.raises(OSError, match=message) as caught:
            read_file(tmp_path / name)
        assert caught.value.filename == str(tmp_path / name)
    with pytest.raises(OSError, match="NUL"):
        read_file(Path("a\0b"))
    with failing(always("fstat", errno.EIO), module=files), pytest.raises(OSError, match="Input/output") as caught:
        read_file(path)
    assert caught.value.filename == str(path)


def test_a_file_that_is_written_to_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("first")

    def change(at: int, name: str) -> None:
        if name == "fstat" and at < changes:
            path.write_text("changed " * (at + 1))

    changes = 3
    with failing(change, module=files):
        assert read_file(path) == b"changed " * 3
    changes = 100
    with failing(change, module=files), pytest.raises(OSError, match="written to while it is read"):
        read_file(path)


@pytest.mark.skipif(not POSIX, reason="needs named pipes")
def test_a_pipe_that_never_ends_is_read_as_far_as_asked(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    source = open_endless_pipe(pipe, b"x" * 4096)
    assert read_file(pipe, 10_000) == b"x" * 10_000
    source.join(10)
    assert not source.is_alive()


def test_a_terminated_command_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM ends a command on the way through its `finally`s."""
    if not POSIX:
        pytest.skip("signals are Unix's")
    code = (
        "import signal, sys, time\nfrom pathlib import Path\nimport archspec.cli as cli\nfrom archspec.files import replace_file\n"
        "import archspec.cli.commands as commands\n"
        "def slow(**_):\n"
        "    with replace_file(Path(sys.argv[1])) as file:\n"
        "        file.write(b'half')\n        print('writing', flush=True)\n        time.sleep(60)\n"
        "commands.archspec = slow\ncli.main()"
    )
    path = tmp_path / "a"
    path.write_text("old")
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def machine_encodings(code: str) -> list[int]:
    """The lines that read or write text in the encoding of the machine."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    given = [(call, {keyword.arg for keyword in call.keywords}) for call in calls]
    return [call.lineno for call, keywords in given if "encoding" not in keywords and _is_text(call, keywords)]


def _is_text(call: ast.Call, keywords: set[str | None]) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):  # of a formatter, say
            return False
        case ast.Attribute(attr="read_text" | "write_text") | ast.Name(id="open"):
            return True
        case ast.Attribute(attr="run" | "Popen"):
            return "text" in keywords
    return False


@pytest.mark.parametrize(
    "code", ["p.read_text()", "p.write_text('x')", "open('x')", "subprocess.run(['x'], text=True)"]
)
def test_the_encoding_of_the_machine_is_found(code: str) -> None:
    assert machine_encodings(code) == [1]


@pytest.mark.parametrize("folder", ["archspec", "benchmarks", "docs", "examples", ".ci"])
def test_text_is_utf_8_on_every_machine(folder: str) -> None:
    files = (CHECKOUT / folder).rglob("*.py")
    found = {str(file): machine_encodings(file.read_text(encoding="utf-8")) for file in files}
    assert {file: lines for file, lines in found.items() if lines} == {}
