"""Fixtures for all tests: a fixed environment, and files of expected outputs."""

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
"""Environment variables that change the output of archspec or its libraries, and are removed."""
GIVEN = {
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(Path(__file__).parent.parent),  # processes import this checkout
    "PYTHONUTF8": "1",  # for processes that tests start
    "TZ": "UTC",
    "MPLBACKEND": "Agg",
    "HF_HUB_OFFLINE": "1",
}
"""Environment variables of all tests. A test that is about one of them sets it itself."""
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
    """The name of the user, or a number if there is none, as in a container; torch needs one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user{os.getuid()}"


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_home], ignore_errors=True)


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Restores global state of the process after each test."""
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
