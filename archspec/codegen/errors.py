"""The errors of the code generators, in a module that can be imported without torch."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.errors import ArchspecError


class BuildError(ArchspecError, ValueError):
    """A network that no module can be made of."""


class InternalError(ArchspecError, RuntimeError):
    """What was generated is not what was meant: a fault of archspec's, of which nothing is written."""


class MissingDeviceError(ArchspecError, RuntimeError):
    """The device that was asked for is not in this machine."""


class WeightsError(ArchspecError, ValueError):
    """Weights that cannot be read, or that are not those of the network.

    Its text is the one line `message`, the `table` of what differs and a line `help:`, where there are any; `facts` is what
    the table says, as data.
    """

    def __init__(
        self, message: str, *, table: str = "", help: str = "", facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__("\n".join(filter(None, (message, table, help and f"help: {help}"))))
        self.message, self.help, self.facts = message, help, facts

    def as_dict(self) -> dict[str, object]:
        """What is wrong as plain data, for `--json`."""
        found: dict[str, object] = {"error": self.message, "help": self.help or None}
        return found if self.facts is None else found | {"weights": dict(self.facts)}


class WeightsWarning(UserWarning):
    """Weights that were taken and are hardly meant: some are not finite, or some were left out."""


class WeightsNote(UserWarning):
    """What was done with the names, the shapes or the choice of weights before they were taken."""


class CheckpointWarning(UserWarning):
    """A way to save memory in training that saves none in this network."""
