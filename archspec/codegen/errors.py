"""The errors of the code generators, in a module that can be imported without torch."""

from __future__ import annotations

from archspec.errors import ArchspecError


class BuildError(ArchspecError, ValueError):
    """A network that no module can be made of."""


class InternalError(ArchspecError, RuntimeError):
    """What was generated is not what was meant: a fault of archspec's, of which nothing is written."""


class MissingDeviceError(ArchspecError, RuntimeError):
    """The device that was asked for is not in this machine."""


class WeightsError(ArchspecError, ValueError):
    """Weights that cannot be read, or that are not those of the network."""


class WeightsWarning(UserWarning):
    """Weights that were taken and are hardly meant: some are not finite."""


class CheckpointWarning(UserWarning):
    """A way to save memory in training that saves none in this network."""
