"""The errors of the code generators, in a module that can be imported without torch."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.errors import ArchspecError


class BuildError(ArchspecError, ValueError):
    """A network that no module can be made of.

    >>> issubclass(BuildError, ValueError)
    True
    """


class InternalError(ArchspecError, RuntimeError):
    """Generated code is not what was meant. This is a fault of archspec's; nothing is written.

    >>> issubclass(InternalError, ArchspecError)
    True
    """


class MissingDeviceError(ArchspecError, RuntimeError):
    """The device that was asked for is not in this machine.

    >>> issubclass(MissingDeviceError, RuntimeError)
    True
    """


class WeightsError(ArchspecError, ValueError):
    """Weights that cannot be read, or that are not those of the network.

    Its text is the line `message`, the `table` of what differs and a line `help:`, where there are any; `facts` is the table as data.

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
        """What is wrong as plain data, for `--json`."""
        data: dict[str, object] = {"error": self.message, "help": self.help or None}
        return data if self.facts is None else data | {"weights": dict(self.facts)}


class WeightsWarning(UserWarning):
    """Weights were loaded although some of their values are not finite, or some were left out.

    >>> issubclass(WeightsWarning, Warning)
    True
    """


class WeightsNote(UserWarning):
    """What was done with the names, the shapes or the choice of weights before they were loaded.

    >>> issubclass(WeightsNote, Warning)
    True
    """


class CudaGraphWarning(UserWarning):
    """A network that was built with CUDA graphs runs without them, for the reason that it says.

    >>> issubclass(CudaGraphWarning, Warning)
    True
    """


class CheckpointWarning(UserWarning):
    """The way to save memory in training that was asked for saves none in this network.

    >>> issubclass(CheckpointWarning, Warning)
    True
    """
