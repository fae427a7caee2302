"""The errors of the code generators, in a module that can be imported without torch."""

from __future__ import annotations

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
    """Weights that cannot be read, or that are not those of the network; the text lists the keys.

    >>> import archspec, pathlib
    >>> size = pathlib.Path("weights.pt").write_text("no weights")
    >>> archspec.load("lstm").build(weights="weights.pt")
    Traceback (most recent call last):
        ...
    archspec.codegen.errors.WeightsError: weights.pt: neither safetensors nor a whole torch checkpoint of tensors: it begins with b'no weights'
    """


class WeightsWarning(UserWarning):
    """Weights were loaded although some of their values are not finite.

    >>> issubclass(WeightsWarning, Warning)
    True
    """


class CheckpointWarning(UserWarning):
    """The way to save memory in training that was asked for saves none in this network.

    >>> issubclass(CheckpointWarning, Warning)
    True
    """
