"""What all tests share: an environment that is the same on every machine, and the files of expected outputs."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("tests", deadline=None, derandomize=True, database=None)
settings.load_profile("tests")

CHANGES_OUTPUT = (
    *("COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM"),
    *("LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "LANGUAGE", "SOURCE_DATE_EPOCH"),
    *("PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONVERBOSE", "_ARCHSPEC_COMPLETE"),
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "MATPLOTLIBRC", "TORCH_HOME", "TORCH_LOGS", "HF_HOME"),
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
)
"""Variables that change what archspec, or a library under it, says or reads: no test sees them."""
GIVEN = {
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(Path(__file__).parent.parent),  # processes import this checkout
    "PYTHONUTF8": "1",  # of the processes that tests start
    "TZ": "UTC",
    "MPLBACKEND": "Agg",
    "HF_HUB_OFFLINE": "1",
}
"""What all tests see. A test that is about one of these variables sets it itself."""
_home = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="rewrite the expected outputs, to be reviewed as a diff"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Fixes the environment before a test module is imported; processes that tests start inherit it."""
    for name in CHANGES_OUTPUT:
        os.environ.pop(name, None)
    config.stash[_home] = tempfile.mkdtemp(prefix="archspec-tests-")
    os.environ |= GIVEN | {"HOME": config.stash[_home], "USER": user_name()}
    if hasattr(time, "tzset"):
        time.tzset()


def user_name() -> str:
    """That of the user, or a number where the machine knows no name, as in a container; torch asks for one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user{os.getuid()}"


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_home], ignore_errors=True)


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Puts back what a test may change for the whole process, so that tests pass in any order."""
    folder, environment, digits = Path.cwd(), dict(os.environ), sys.get_int_max_str_digits()
    yield
    os.chdir(folder)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
    sys.set_int_max_str_digits(digits)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the file of that name in `goldens` beside the test, or rewrites the file."""
    folder = Path(request.path).parent / "goldens"

    def compare(name: str, text: str) -> None:
        file = folder / name
        if request.config.getoption("--update-goldens"):
            folder.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.exists(), f"{file.name} is missing: run with --update-goldens"
        assert text == file.read_text(encoding="utf-8")

    return compare
