"""The errors of the code generators, importable without torch."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.errors import ArchspecError


class BuildError(ArchspecError, ValueError):
    """Raised for a network that cannot be built.

    >>> issubclass(BuildError, ValueError)
    True
    """


class InternalError(ArchspecError, RuntimeError):
    """Raised if generated code fails its checks, which is a bug in archspec; nothing is written.

    >>> issubclass(InternalError, ArchspecError)
    True
    """


class MissingDeviceError(ArchspecError, RuntimeError):
    """Raised if a device is not available.

    >>> issubclass(MissingDeviceError, RuntimeError)
    True
    """


class WeightsError(ArchspecError, ValueError):
    """Raised for weights that cannot be read or do not fit the network.

    Its text has the line `message`, the `table` of differences and a line `help:`, if there are any; `facts` is the table as data.

    >>> import archspec, pathlib
    >>> size = pathlib.Path("weights.pt").write_text("no weights")
    >>> archspec.load("lstm").build(weights="weights.pt")
    Traceback (most recent call last):
        ...
    archspec.codegen.errors.WeightsError: weights.pt: neither safetensors nor a whole torch checkpoint of tensors: it begins with b'no weights'
    """

    def __init__(
        self, message: str, *, table: str = "", help: str = "", facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__("\n".join(filter(None, (message, table, help and f"help: {help}"))))
        self.message, self.help, self.facts = message, help, facts

    def as_dict(self) -> dict[str, object]:
        """The error as plain data, for `--json`."""
        data: dict[str, object] = {"error": self.message, "help": self.help or None}
        return data if self.facts is None else data | {"weights": dict(self.facts)}


class WeightsWarning(UserWarning):
    """A warning that loaded weights have values that are not finite, or that some were left out.

    >>> issubclass(WeightsWarning, Warning)
    True
    """


class WeightsNote(UserWarning):
    """A warning that names or shapes of weights were changed, or a part of a file was chosen, before loading.

    >>> issubclass(WeightsNote, Warning)
    True
    """


class CudaGraphWarning(UserWarning):
    """A network that was built with CUDA graphs runs without them, for the reason that it says.

    >>> issubclass(CudaGraphWarning, Warning)
    True
    """


class CheckpointWarning(UserWarning):
    """A warning that the requested checkpointing saves no memory in this network.

    >>> issubclass(CheckpointWarning, Warning)
    True
    """
