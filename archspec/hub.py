"""Downloads and uploads folders of models through huggingface_hub, and turns its errors into messages of one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archspec import extras
from archspec.errors import ArchspecError

PREFIX = "hub:"
"""The prefix of a repository's name where a path is accepted too."""
SPEC_FILE = "spec.yaml"
"""The name of the spec in a model's folder."""
_WEIGHTS = (
    ("model*.safetensors", "model.safetensors.index.json"),
    ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
)
"""Patterns of files of weights, for each format in the order in which they are looked for."""
_INSTALL = "pip install 'archspec-nn[hub]'"
_LONGEST = 300


class HubError(ArchspecError, OSError):
    """A repository of a hub cannot be reached, read or written.

    >>> issubclass(HubError, OSError)
    True
    """

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(f"{message}; {help}" if help else message)
        self.message, self.help = message, help


def fetch_folder(
    name: str, *, weights: bool, revision: str | None = None, subfolder: str | None = None, **options: Any
) -> Path:
    """Downloads the spec of a repository, and its weights if asked for, unless they are cached.

    Args:
        name: `org/name`, or `org/name@revision`.
        weights: whether to download the weights.
        revision: a branch, tag or commit.
        subfolder: the folder in the repository.
        options: the `token`, `cache_dir`, `force_download` and `local_files_only` of `huggingface_hub.snapshot_download`.

    Returns:
        The local folder.

    Raises:
        HubError: the repository cannot be downloaded, or has no spec.
        UnavailableError: huggingface_hub cannot be imported.
    """
    repo, _, given = name.removeprefix(PREFIX).partition("@")
    below = f"{subfolder.strip('/')}/" if subfolder else ""
    for patterns in _WEIGHTS if weights else ((),):
        wanted = [below + pattern for pattern in (SPEC_FILE, *patterns)]
        folder = _download(repo, revision or given or None, wanted, options) / below
        if any(path for pattern in patterns for path in folder.glob(pattern)):
            break
    if not (folder / SPEC_FILE).is_file():
        raise HubError(f"{repo}: there is no {below}{SPEC_FILE} in it", help="a network that archspec saved has one")
    return folder


def _download(repo: str, revision: str | None, patterns: list[str], options: dict[str, Any]) -> Path:
    hub = _import_hub(f"{PREFIX}{repo}")
    with explain_errors(repo, revision):
        return Path(hub.snapshot_download(repo, revision=revision, allow_patterns=patterns, **options))


def upload_folder(
    folder: Path, repo_id: str, *, token: str | bool | None = None, private: bool | None = None, **options: Any
) -> str:
    """Uploads a folder to a repository in one commit, and returns the URL of the commit. The repository is created if it does not exist.

    `options` are those of `HfApi.upload_folder`. Raises `HubError` and `UnavailableError`.
    """
    hub = _import_hub("uploading")
    with explain_errors(repo_id, options.get("revision")):
        api = hub.HfApi(token=token)
        repo_id = api.create_repo(repo_id=repo_id, private=private, exist_ok=True).repo_id
        commit = api.upload_folder(repo_id=repo_id, repo_type="model", folder_path=folder, **options)
        return str(getattr(commit, "commit_url", commit))


def check_name(repo_id: str) -> None:
    """Checks a repository's name, before any work. Raises `HubError`, or `UnavailableError` if huggingface_hub is not installed."""
    validators = extras.load_extra("huggingface_hub.utils", f"{PREFIX}{repo_id}", _INSTALL)
    with explain_errors(repo_id):
        validators.validate_repo_id(repo_id)


def _import_hub(purpose: str) -> Any:
    return extras.load_extra("huggingface_hub", purpose, _INSTALL)


@contextmanager
def explain_errors(repo: str, revision: str | None = None) -> Iterator[None]:
    """Turns the errors of huggingface_hub into `HubError`."""
    errors = extras.load_extra("huggingface_hub.errors", f"{PREFIX}{repo}", _INSTALL)
    try:
        yield
    except errors.HFValidationError as error:
        help = "a name is org/name, and a folder is one that is there"
        raise HubError(f"{repo!r} is no name of a repository", help=help) from error
    except errors.GatedRepoError as error:
        help = "ask for access on its page, then log in with `hf auth login`, or give a token"
        raise HubError(f"{repo}: it is gated, and who asks has no access to it", help=help) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{repo}: there is no revision {revision!r}") from error
    except errors.RepositoryNotFoundError as error:
        help = "log in with `hf auth login`, or give a token, if it is private"
        raise HubError(f"{repo}: there is no such repository", help=help) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise HubError(f"{repo}: it is not in the cache, and the hub is not reached", help=_ONLINE) from error
    except (*errors.HfHubHTTPError.__bases__, OSError) as error:  # those of the HTTP library, too
        raise HubError(f"{repo}: {_first_line(error)}") from error


_ONLINE = "it is fetched with a connection, without HF_HUB_OFFLINE and local_files_only"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:_LONGEST] if lines else type(error).__name__
