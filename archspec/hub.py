"""Folders of models on a hub: huggingface_hub's calls, and what is wrong in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archspec import extras
from archspec.errors import ArchspecError

PREFIX = "hub:"
"""What stands before the name of a repository where a file or a bundled name could stand, too."""
SPEC_FILE = "spec.yaml"
"""The spec in the folder of a model."""
_WEIGHTS = (
    ("model*.safetensors", "model.safetensors.index.json"),
    ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
)
"""Names of files of weights, of the formats that are looked for, in order."""
_INSTALL = "pip install 'archspec-nn[hub]'"
_LONGEST = 300


class HubError(ArchspecError, OSError):
    """A repository of a hub that cannot be reached, read or written.

    >>> issubclass(HubError, OSError)
    True
    """

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(f"{message}; {help}" if help else message)
        self.message, self.help = message, help


def fetch_folder(
    name: str, *, weights: bool, revision: str | None = None, subfolder: str | None = None, **options: Any
) -> Path:
    """The local folder of a repository, its spec in it, and its weights where these are wanted. What is in the cache is not fetched again.

    Args:
        name: `org/name`, or `org/name@revision`.
        weights: whether the weights are wanted, too.
        revision: a branch, a tag or a commit.
        subfolder: the folder of the repository that is meant.
        options: the `token`, `cache_dir`, `force_download` and `local_files_only` of `huggingface_hub.snapshot_download`.

    Raises:
        HubError: it cannot be had, or has no spec.
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
    """Puts a folder into a repository, which is made where it is not there, in one commit. Gives the commit's address.

    `options` are those of `HfApi.upload_folder`. Raises `HubError` and `UnavailableError`.
    """
    hub = _import_hub("uploading")
    with explain_errors(repo_id, options.get("revision")):
        api = hub.HfApi(token=token)
        repo_id = api.create_repo(repo_id=repo_id, private=private, exist_ok=True).repo_id
        commit = api.upload_folder(repo_id=repo_id, repo_type="model", folder_path=folder, **options)
        return str(getattr(commit, "commit_url", commit))


def check_name(repo_id: str) -> None:
    """Makes sure, before the work, that a repository can have this name, and that huggingface_hub is there. Raises `HubError`, `UnavailableError`."""
    validators = extras.load_extra("huggingface_hub.utils", f"{PREFIX}{repo_id}", _INSTALL)
    with explain_errors(repo_id):
        validators.validate_repo_id(repo_id)


def _import_hub(purpose: str) -> Any:
    return extras.load_extra("huggingface_hub", purpose, _INSTALL)


@contextmanager
def explain_errors(repo: str, revision: str | None = None) -> Iterator[None]:
    """Says in one line what huggingface_hub raises. A package without one of its errors raises it as another one."""
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
    except (errors.HTTPError, OSError) as error:  # no connection is one of these, too
        raise HubError(f"{repo}: {_first_line(error)}") from error


_ONLINE = "it is fetched with a connection, without HF_HUB_OFFLINE and local_files_only"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:_LONGEST] if lines else type(error).__name__
