"""Imports models of PyTorch: a spec of any module, with a proof that both compute the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec import files
from archspec.architecture import Architecture
from archspec.errors import ArchspecError
from archspec.importing.decompile import DecompileError, decompile_graph
from archspec.ir.graph import Graph
from archspec.numerals import format_sizes
from archspec.printable import list_some
from archspec.recording.problems import ImportProblem
from archspec.spans import Source
from archspec.spec.budget import Budget
from archspec.spec.compiler import compile_source
from archspec.spec.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from torch import nn

    from archspec.recording.proof import ImportProof

Sizes = tuple[int, ...]


_LISTED = 3
_MADE_BEFORE = (
    "initialisations are seen while a function makes a model: of this module only constants are known, "
    "and a new network begins with torch's defaults"
)


class ImportModelError(ArchspecError, ValueError):
    """Raised for a model that no spec can say, with all `problems`.

    >>> import torch
    >>> imported(torch.nn.Sequential(torch.nn.Softmin(1)), (3,), name="net").require()
    Traceback (most recent call last):
        ...
    archspec.model_import.ImportModelError: net has no spec: 0: nn.Softmin is no op of the language
    """

    def __init__(self, name: str, problems: tuple[ImportProblem, ...]) -> None:
        super().__init__(f"{name} has no spec: {'; '.join(map(str, problems))}")
        self.name, self.problems = name, problems


@dataclass(frozen=True)
class Imported:
    """A model of PyTorch as a spec, or why it has none.

    >>> import archspec, torch
    >>> result = archspec.imported(torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU()), (4,), name="tiny")
    >>> print(result.spec, end="")
    name: tiny
    source: torch.nn.modules.container.Sequential
    input: [4]
    <BLANKLINE>
    stages:
      '0': {linear: 2}
      '1': relu
    >>> result.architecture.params, result.proof.output_difference
    (10, 0.0)
    """

    name: str
    model: nn.Module
    input_sizes: tuple[Sizes, ...]
    """The sizes of each input, without the batch."""
    spec: str | None
    """The text of the spec; None if there are problems."""
    architecture: Architecture | None
    """The compiled spec; None if there are problems."""
    problems: tuple[ImportProblem, ...] = ()
    """What the model does that no spec can say."""
    proof: ImportProof | None = None
    """The comparison with the model; None without one."""
    uninitialized: tuple[str, ...] = ()
    """The tensors that the model fills in a way that the spec does not say: a new network has torch's defaults there."""
    made_before: bool = False
    """Whether the model was given as a module, so that only initial values that are constants can be read."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the spec."""
        return (
            ()
            if self.spec is None
            else (*self._describe_aliases(), *self._describe_initial(), *self._describe_layers())
        )

    def _describe_layers(self) -> Iterator[str]:
        from archspec.codegen.fx.reference_models import DetectorLayers

        if isinstance(self.model, DetectorLayers):
            yield "of a detector, the layers: anchors, the choice of boxes and cutting out regions depend on data"

    def _describe_aliases(self) -> Iterator[str]:
        from archspec.codegen.fx.module_state import find_aliases

        pairs = [f"{name} is {first}" for name, first in find_aliases(self.model).items()]
        if pairs:
            yield f"a tensor with several names has the first: {list_some(pairs, _LISTED)}"

    def _describe_initial(self) -> Iterator[str]:
        if self.made_before:
            yield _MADE_BEFORE
        elif self.uninitialized:
            names = list_some(self.uninitialized, _LISTED)
            yield f"no scheme of the language says how {names} begin: a new network has torch's defaults there"

    def require(self) -> Architecture:
        """The architecture. Raises `ImportModelError` if there are problems."""
        if self.architecture is None:
            raise ImportModelError(self.name, self.problems)
        return self.architecture

    def save_weights(self, path: str | Path) -> None:
        """Writes the model's `state_dict` as `.safetensors`, `.pt` or `.pth`, which the architecture loads."""
        from archspec.codegen.fx.module_state import read_state

        arch = self.require()
        arch.save(path, kind="weights", weights=read_state(self.model))

    def iter_parts(self) -> Iterator[Imported]:
        """Yields the largest submodules that have specs of their own, each imported by itself.

        >>> import archspec, torch
        >>> model = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(4, 3)), torch.nn.Softmin(1))
        >>> [part.name for part in archspec.imported(model, (4,)).iter_parts()]
        ['0']
        """
        from archspec.recording.submodules import find_input_sizes

        done: list[str] = []
        for path, sizes in find_input_sizes(self.model, self.input_sizes).items():
            if any(path.startswith(f"{other}.") for other in done):
                continue
            part = imported(self.model.get_submodule(path), sizes, name=path)
            if part.spec is not None:
                done.append(path)
                yield part

    def save_parts(self, folder: str | Path) -> list[Path]:
        """Writes the specs of `iter_parts` into a folder, each in a file of its name, and returns their paths."""
        files.make_folder(Path(folder))
        paths = []
        for part in self.iter_parts():
            paths.append(Path(folder) / f"{part.name}.yaml")
            files.write_atomically(paths[-1], part.spec or "")
        return paths


def imported(
    model: nn.Module | str | Callable[[], nn.Module],
    input_shape: Sizes | Iterable[Sizes] | None = None,
    *,
    name: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    proof: bool = True,
) -> Imported:
    """The spec of a PyTorch model, with the model's own module names, so that its `state_dict` loads strictly.

    The model runs twice in evaluation mode on tensors without data; what no spec can say is listed in `problems`.

    Args:
        model: what makes a module: `torchvision:NAME`, `timm:NAME`, `FILE.py:FACTORY`, `PACKAGE.MODULE:FACTORY`, whose code is run, or a
            function without arguments; or a module, which stays as it is; or an exported program, `FILE.pt2`. How weights are
            initialised can only be seen while a module is made.
        input_shape: the sizes of the input without the batch, `(3, 224, 224)`, or those of several inputs; that of the model's own
            configuration if None.
        name: the name of the network.
        arguments: keyword arguments of the factory.
        proof: whether the network is built and compared with the model.

    Raises:
        ReferenceModelError: there is no such model, or it cannot be made.
        UnavailableError: its library is not installed.
        ImportModelError: there is no `input_shape`, and the model does not say one; or no tensor has these sizes.

    >>> import torch
    >>> imported(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3)), (3, 32, 32)).architecture.params
    224
    """
    from torch import nn

    from archspec.recording.construction import Construction
    from archspec.recording.import_graph import import_graph
    from archspec.recording.sources import find_input_shape, make_model

    source = model if isinstance(model, str) else ""
    construction = Construction()
    if isinstance(model, str):
        module = make_model(model, arguments, construction)
    elif not isinstance(model, nn.Module):
        with construction:
            module = model()
    else:
        module = model
    made_before = not construction.saw_modules
    title = name or _name_network(source or type(module).__name__)
    sizes = _list_sizes(input_shape) or find_input_shape(module, source)
    if not sizes:
        problem = ImportProblem("its input has no known size: give one, such as 3,224,224", "", "")
        raise ImportModelError(title, (problem,))
    for shape in sizes:
        if min(shape, default=1) < 1 or prod(shape) > DEFAULT.elements:
            message = f"an input has sizes of at least 1, and at most {DEFAULT.elements:,} elements, got {format_sizes(shape)}"
            raise ImportModelError(title, (ImportProblem(message, "", ""),))
    origin = source or f"{type(module).__module__}.{type(module).__qualname__}"
    made = import_graph(module, sizes, title, origin, None if made_before else construction)
    if made.graph is None:
        return Imported(title, module, sizes, None, None, made.problems)
    try:
        spec = decompile_graph(made.graph)
    except DecompileError as error:
        return Imported(title, module, sizes, None, None, (ImportProblem(str(error), "", ""),))
    architecture = _compile(spec)
    result = Imported(title, module, sizes, spec, architecture, (), None, made.unsaid, made_before)
    return _prove(result, architecture) if proof else result


def _prove(result: Imported, architecture: Architecture) -> Imported:
    from archspec.codegen.fx.reference_models import ReferenceModelError
    from archspec.recording.proof import prove_import

    graph: Graph = architecture.graph
    try:
        proof = prove_import(graph, lambda: architecture.build(device="cpu"), result.model, result.name)
    except ReferenceModelError as error:
        problem = ImportProblem(str(error), "", "")
        return Imported(result.name, result.model, result.input_sizes, None, None, (problem,))
    if proof.holds:
        return replace(result, proof=proof)
    what = proof.reason or "the gradients or the statistics of a training step differ"
    help = (
        "" if proof.reason else "what only training does, such as detach(), is in no spec; --no-proof compares nothing"
    )
    problem = ImportProblem(f"the network computes something else: {what}", "", "", help=help)
    return Imported(result.name, result.model, result.input_sizes, None, None, (problem,), proof)


def _compile(spec: str) -> Architecture:
    size = len(spec.encode())
    limits = Limits()
    limits = Limits(bytes=max(limits.bytes, size), nodes=max(limits.nodes, size), items=max(limits.items, 100 * size))
    return Architecture(*compile_source(Source("<imported>", spec), None, Budget(limits), {}))


def _list_sizes(given: Sizes | Iterable[Sizes] | None) -> tuple[Sizes, ...]:
    if given is None:
        return ()
    sizes: tuple[Any, ...] = tuple(given)
    single: Any = (sizes,) if all(isinstance(size, int) for size in sizes) else tuple(map(tuple, sizes))
    return tuple(single)


def _name_network(source: str) -> str:
    """The name of a network after its source: the name of a factory, in lower case and with underscores.

    >>> _name_network("timm:resnet50.a1_in1k"), _name_network("model.py:MyNet"), _name_network("nets/small.pt2")
    ('resnet50_a1_in1k', 'my_net', 'small')
    """
    last = source.rpartition(":")[2].rpartition("/")[2].removesuffix(".pt2")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", last).lower()
    return re.sub(r"\W+", "_", words).strip("_") or "network"
