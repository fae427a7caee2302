"""Networks that are saved as a model's folder and uploaded to a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec import files, hub
from archspec.network import Network

if TYPE_CHECKING:
    from archspec.codegen.fx import WeightReport, Weights
    from archspec.pretrained import PretrainedNetwork


class SharedNetwork(Network):
    """A network with `save_pretrained` and `push_to_hub`.

    >>> import archspec
    >>> isinstance(archspec.load("lstm"), SharedNetwork)
    True
    """

    def save_pretrained(
        self: PretrainedNetwork,
        save_directory: str | Path,
        *,
        weights: Weights | None = None,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        model_card_kwargs: Mapping[str, Any] | None = None,
        strict: bool = True,
        adapt: str | Iterable[str] = (),
        report: Callable[[WeightReport], object] | None = None,
        seed: int | None = 0,
        **push_to_hub_kwargs: Any,
    ) -> str | None:
        """Saves the network with weights as a model's folder, which `archspec.from_pretrained` loads.

        The folder has a self-contained `spec.yaml`, `model.safetensors`, `config.json`, and a model card, `README.md`. A new folder is
        created atomically. Names and arguments follow `ModelHubMixin` of huggingface_hub.

        Args:
            save_directory: the folder.
            weights: a trained module, its `state_dict`, or any other weights that `build` takes; if None, initial weights.
            repo_id: the repository, `org/name`; if None, the name of the folder.
            push_to_hub: whether to upload the folder as well.
            model_card_kwargs: metadata of the model card: `license`, `tags`, `datasets`, …
            strict: as in `build`.
            adapt: as in `build`.
            report: as in `build`.
            seed: as in `build`.
            push_to_hub_kwargs: the other arguments of `push_to_hub`.

        Returns:
            The URL of the commit, if the folder is uploaded.

        Raises:
            ExportError: the network is optimised, or safetensors is not installed.
            WeightsError: as in `build`.
            HubError: as in `push_to_hub`.
            OSError: a file cannot be read or written.

        >>> import archspec, os
        >>> archspec.load("cifar_resnet20_A", classes=2).save_pretrained("two", model_card_kwargs={"license": "mit"})
        >>> sorted(os.listdir("two"))
        ['README.md', 'config.json', 'model.safetensors', 'spec.yaml']
        >>> archspec.from_pretrained("two").training
        False
        """
        from archspec.pretrained import pack_folder, upload

        if push_to_hub_kwargs and not push_to_hub:
            raise TypeError(f"without push_to_hub, save_pretrained takes no {', '.join(push_to_hub_kwargs)}")
        folder = Path(save_directory)
        options = {"weights": weights, "strict": strict, "adapt": adapt, "report": report, "seed": seed}
        address = repo_id or folder.resolve().name
        content = pack_folder(self, address, model_card_kwargs=model_card_kwargs, **options)
        files.write_folder(folder, content)
        return upload(content, address, **push_to_hub_kwargs) if push_to_hub else None

    def push_to_hub(
        self: PretrainedNetwork,
        repo_id: str,
        *,
        weights: Weights | None = None,
        commit_message: str = "Push model using archspec.",
        private: bool | None = None,
        token: str | None = None,
        branch: str | None = None,
        create_pr: bool | None = None,
        allow_patterns: list[str] | str | None = None,
        ignore_patterns: list[str] | str | None = None,
        delete_patterns: list[str] | str | None = None,
        model_card_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Uploads the files that `save_pretrained` writes to a repository, in one commit.

        Args:
            repo_id: the repository, `org/name`; created if it does not exist.
            weights: as in `save_pretrained`.
            commit_message: the message of the commit.
            private: whether a new repository is private.
            token: the token; if None, that of `hf auth login`.
            branch: the branch; if None, the main one.
            create_pr: whether to open a pull request.
            allow_patterns: upload only files that match.
            ignore_patterns: do not upload files that match.
            delete_patterns: delete files of the repository that match.
            model_card_kwargs: as in `save_pretrained`.
            options: the `strict`, `adapt`, `report` and `seed` of `build`.

        Returns:
            The URL of the commit.

        Raises:
            UnavailableError: huggingface_hub is not installed.
            HubError: the hub cannot be reached, or refuses the upload.
            ExportError: as in `save_pretrained`.
            WeightsError: as in `build`.

        >>> import archspec
        >>> archspec.load("lstm").push_to_hub("no name")
        Traceback (most recent call last):
            ...
        archspec.hub.HubError: 'no name' is no name of a repository; a name is org/name, and a folder is one that is there
        """
        from archspec.pretrained import pack_folder, upload

        hub.check_name(repo_id)
        content = pack_folder(self, repo_id, model_card_kwargs=model_card_kwargs, weights=weights, **options)
        patterns = {
            "allow_patterns": allow_patterns,
            "ignore_patterns": ignore_patterns,
            "delete_patterns": delete_patterns,
        }
        return upload(
            content,
            repo_id,
            branch=branch,
            private=private,
            token=token,
            commit_message=commit_message,
            create_pr=create_pr,
            **patterns,
        )
