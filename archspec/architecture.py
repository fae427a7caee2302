"""A checked network, and all that can be made of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from archspec.errors import Diagnostic
from archspec.ir.graph import Graph
from archspec.meter import find_meter
from archspec.numerals import format_number
from archspec.passes import BY_WORD
from archspec.printable import escape_unprintable
from archspec.spec.bound_tree import Program
from archspec.spec.yaml_tree import Tree, to_plain_data

if TYPE_CHECKING:
    import networkx as nx
    import torch

    from archspec.analysis.diff import Diff
    from archspec.analysis.expansion import Expansion
    from archspec.analysis.expected_depth import ExpectedDepth
    from archspec.analysis.path_enumeration import SignalPath
    from archspec.analysis.paths import LengthUnit, PathCounts
    from archspec.codegen.fx import Checkpoint, WeightReport, Weights
    from archspec.draw.picture import Detail, Direction, Picture
    from archspec.passes.optimize import Purpose
    from archspec.pipeline import Pipeline
    from archspec.report.summary import Summary


_COUNTED = 5  # units of work for each node of a network whose counts are compared with what is expected
_DIGITS = 300  # of a number that a spec expects, to be copied from the message; a longer one is rounded


class Architecture:
    """A checked network: its graph, and what can be known of it without running it."""

    def __init__(
        self,
        program: Program,
        graph: Graph,
        text: str = "",
        overrides: Mapping[str, str] | None = None,
        *,
        optimized_from: Architecture | None = None,
    ) -> None:
        self.program, self.graph = program, graph
        self.optimized_from = optimized_from
        """The architecture that this one is an optimised form of: the one whose weights it takes."""
        self.text = text
        """The spec as it was written, without what it extends."""
        self.overrides = dict(overrides or {})
        """What took the place of the spec's `args`, as text."""

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def paper(self) -> str:
        """The paper or the author, as the spec says."""
        return self.graph.source

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What of the spec changes nothing, or reads as if something else were meant; `archspec check` prints them."""
        return self.program.warnings

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """The wiring: a node is a number with its `node`; an edge's key is the position of the operand that it feeds."""
        return self.graph.dag

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each input, without the batch."""
        return {name: value.shape.sizes for name, value in self.graph.inputs.items()}

    @property
    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each output, without the batch."""
        return {name: value.shape.sizes for name, value in self.graph.outputs.items()}

    @cached_property
    def params(self) -> int:
        """Trainable scalars: weights, biases, the affine pair of a normalisation. Shared ones count once."""
        from archspec.analysis.counts import count_params

        return count_params(self.graph)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products for one sample; FLOPs are twice as many."""
        from archspec.analysis.counts import count_macs

        return count_macs(self.graph)

    @cached_property
    def depth(self) -> int:
        """Weighted layers on the longest path."""
        from archspec.analysis.counts import compute_depth

        return compute_depth(self.graph)

    @cached_property
    def expected_depth(self) -> ExpectedDepth | None:
        """How many residual branches stochastic depth keeps on average in training; None where it drops none."""
        from archspec.analysis.expected_depth import expected_depth

        return expected_depth(self.graph)

    def paths(
        self,
        unit: LengthUnit = "modules",
        *,
        gates: bool = False,
        source: str | None = None,
        target: str | None = None,
    ) -> PathCounts:
        """The paths from the inputs to the outputs, counted by channel range, and how their lengths are distributed.

        `source` and `target` are inputs, outputs or parts by name: paths start where they enter one and end where they leave
        the other. Raises `LookupError` where there is nothing of that name.
        """
        from archspec.analysis.paths import count_paths

        return count_paths(self.graph, unit=unit, gates=gates, source=source, target=target)

    def iter_paths(self, unit: LengthUnit = "modules", *, gates: bool = False) -> Iterator[SignalPath]:
        """The single paths, shortest first: their nodes, names, lengths. However many there are, the first come at once."""
        from archspec.analysis.path_enumeration import iter_paths

        return iter_paths(self.paths(unit, gates=gates))

    def unravel(self, limit: int = 4096, unit: LengthUnit = "modules", *, gates: bool = False) -> nx.DiGraph[int]:
        """The tree of all paths: `archspec.analysis.path_enumeration` says what its nodes and edges have.

        Raises:
            TooManyPathsError: there are more than `limit` paths.
        """
        from archspec.analysis.path_enumeration import unravel_paths

        return unravel_paths(self.paths(unit, gates=gates), limit)

    def expansion(self) -> Expansion:
        """The sum of products that a chain of residual units is when its branches are linear, and its gradient's.

        Raises:
            SpecError: the network is no such chain.
        """
        from archspec.analysis.expansion import expand_residual_chain

        return expand_residual_chain(self.graph)

    def summary(self, depth: int | None = None) -> Summary:
        """The table of layers with shapes and costs; `str` of it is for people, its `as_dict` for programs."""
        from archspec.report.summary import summarise_network

        return summarise_network(self.graph, depth=depth)

    def draw(
        self,
        file: str | os.PathLike[str] | None = None,
        *,
        detail: Detail = "stages",
        fold: bool = True,
        depth: int | None = None,
        direction: Direction | None = None,
        theme: Literal["light", "dark", "print"] = "light",
    ) -> Picture:
        """The picture of the network; written to `file`, if one is given, in the format of its ending.

        Raises:
            DrawError: the picture is too large, or what draws it is not installed.
            KeyError: no format has that ending.
            OSError: the file cannot be written; the one that was there is as it was.
        """
        from archspec.draw import THEMES, draw_picture, render_picture
        from archspec.files import check_writable, write_atomically

        if file is not None:
            check_writable(Path(file))
        picture = draw_picture(self.graph, detail, fold=fold, depth=depth, direction=direction)
        if file is not None:
            write_atomically(Path(file), render_picture(picture, Path(file).suffix.lower(), THEMES[theme]))
        return picture

    def diff(self, other: Architecture) -> Diff:
        """What differs between this network and another: parts by their names, counts, stages."""
        from archspec.analysis.diff import diff_networks

        return diff_networks(self.graph, other.graph)

    def report(self, *others: Architecture) -> str:
        """A page about this network, alone or beside another: HTML that needs no other file and no network.

        Raises `ValueError` for more than two networks, or for one too large to be shown whole.
        """
        from archspec.draw import THEMES
        from archspec.report.page import write_report

        colours = {name: THEMES[name].lines for name in ("light", "dark")}
        return write_report([self.graph, *(other.graph for other in others)], colours)

    def _repr_svg_(self) -> str | None:
        """The stages, for a notebook; nothing where the renderer is not installed."""
        from archspec.draw import DrawError, render_svg

        try:
            return render_svg(self.draw())
        except DrawError:
            return None

    def build(
        self,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        seed: int | None = 0,
        *,
        weights: Weights | None = None,
        strict: bool = True,
        adapt: str | Iterable[str] = (),
        report: Callable[[WeightReport], object] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> torch.fx.GraphModule:
        """The network as a `torch.fx.GraphModule` in training mode, initialised as the spec says.

        The same seed gives the same weights; None draws from torch's own generator. `weights` is a file of safetensors or a
        torch checkpoint, an index of shards, a mapping of tensors or arrays, `"torchvision:resnet50"` or `"timm:resnet50"`; what
        was done with names before they fitted is given to `report`, or warned of (`WeightsNote`). Not `strict`, only what fits is
        taken. `adapt` names what may differ: "head", "channels", "positions", "patches", some of them, also as one text with
        commas. Of values that are not finite a `WeightsWarning` says how many and where. Of an optimised network, seed and
        weights are those of the network that was optimised. Needs torch.

        `checkpoint` saves memory in training, by computing again in the backward pass what is not kept: "blocks", all inside blocks;
        "norms", concatenations, normalisations and ReLUs before convolutions, as in memory-efficient DenseNets. Names, outputs,
        gradients and running statistics are the same. Where a network has nothing of that, a `CheckpointWarning` says so.

        Raises:
            WeightsError: the weights cannot be read, or are not those of this network; its text says why and lists the keys.
            OSError: the file of weights cannot be read.
        """
        from archspec.codegen.fx import build, copy_weights, load_weights

        model = build(self.graph, device=device, dtype=dtype, seed=seed, checkpoint=checkpoint)
        if self.optimized_from is not None:
            before = self.optimized_from.build(
                device, dtype, seed, weights=weights, strict=strict, adapt=adapt, report=report
            )
            copy_weights(self.map_weights(before.state_dict()), model.state_dict())
        elif weights is not None:
            load_weights(model, weights, strict=strict, adapt=adapt, report=report, graph=self.graph)
        return model

    def pipeline(
        self,
        stages: int,
        *,
        costs: Mapping[str, float] | None = None,
        measure: str | None = None,
        batch: int = 8,
        crossing: int | None = None,
    ) -> Pipeline:
        """The network cut into stages of equal work, for `torch.distributed.pipelining`; needs no torch, unless it measures.

        The work of a layer is its multiply-accumulates, or the bytes that it moves where these take longer. Seconds take its
        place: `costs` of parts by name, or what `measure`, a device ("auto", "cpu" or "cuda"), takes for a batch of `batch`.
        `crossing` is how many values may cross at a cut; `archspec.analysis.partition.partition_network` says where cuts are and which are chosen.

        Raises:
            CutError: there are fewer cut points; its text says how many stages are possible.
            UnknownPartError: there is no part of a name in `costs`.
            CostError: costs of parts of which one is in the other, or that are no numbers from 0 on.
        """
        from archspec.pipeline import build_pipeline

        whole = None if self.optimized_from is None else self.build
        return build_pipeline(
            self.graph, stages, costs=costs, measure=measure, batch=batch, crossing=crossing, build_network=whole
        )

    def export(
        self,
        path: str | Path,
        *,
        seed: int | None = 0,
        weights: Weights | None = None,
        strict: bool = True,
        adapt: str | Iterable[str] = (),
        report: Callable[[WeightReport], object] | None = None,
        command: str | None = None,
        ending: str | None = None,
    ) -> None:
        """Writes the network to a file, whole or not at all: `.py`, `.pt2`, `.onnx` or `.safetensors` by its ending.

        `command` is what source says that it was made by, `ending` the form where the file's name does not say it (a pipe, a
        device); the rest is as in `build`.

        Raises:
            ValueError: the ending is none of these, or weights are given for source, which holds none.
            ExportError: the form needs a package that is not there, or the network cannot be written in it.
            WeightsError: as in `build`.
            OSError: a file cannot be read or written.
        """
        from archspec.files import check_writable, write_atomically

        target = Path(path)
        form = ending or target.suffix.lower()
        if form == ".py" and weights is not None:
            raise ValueError(f"{target.name} holds no weights: write them to a .safetensors file beside it")
        check_writable(target)
        if form == ".py":
            write_atomically(target, self.source(command))
            return
        from archspec.codegen.fx import WRITERS, check_packages, make_metadata

        if form not in WRITERS:
            raise ValueError(f"{target.name} ends in none of .py, {', '.join(WRITERS)}")
        check_packages(form)
        model = self.build(seed=seed, weights=weights, strict=strict, adapt=adapt, report=report)
        about = make_metadata(self.text, self.name, self.overrides, inference=self.graph.inference)
        WRITERS[form](model, self.graph, about, target)

    def source(self, command: str | None = None) -> str:
        """The network as the text of a Python module: plain, typed and formatted PyTorch that imports nothing but torch.

        Its classes have the names of the spec's blocks, its `state_dict` the keys of `build()`. `command` is what made it, for
        its docstring. Needs no torch.
        """
        from archspec.codegen.python import describe_network, print_source

        return print_source(self.graph, describe_network(self, command))

    def optimize(self, for_: Purpose = "inference", *, merge: bool = False) -> Architecture:
        """The architecture of a network that computes the same with less work.

        For `"inference"` it computes what this one does in evaluation: batch normalisations become parts of convolutions, what
        only training needs is gone, and `build` chooses the kernels and the memory format of the device. For `"training"`, only
        what does nothing is left out, and equal paths become grouped convolutions. `merge` also makes one of 1×1 convolutions
        that read the same value. Other names than in this network are those of weights that were put together.
        """
        from archspec.passes.optimize import optimize

        network = optimize(self.graph, for_, merge=merge)
        return Architecture(
            self.program, network, self.text, self.overrides, optimized_from=self.optimized_from or self
        )

    def rewrite(self, word: str, **arguments: Any) -> Architecture:
        """The architecture after one more pass, as `passes: [word: arguments]` would make it.

        Raises:
            PassError: an argument is wrong, the network is not what the pass needs, or the pass is at fault.
            KeyError: there is no pass of that name.
        """
        network = BY_WORD[word](self.graph, **arguments)
        return Architecture(self.program, network, self.text, self.overrides, optimized_from=self.optimized_from)

    def lesion(
        self,
        drop: Iterable[str] = (),
        swap: Iterable[tuple[str, str]] = (),
        *,
        random: int = 0,
        seed: int = 0,
    ) -> Architecture:
        """The architecture without the residual branches of the blocks `drop`, and of so many `random` ones; pairs exchanged.

        What is left keeps its names: `map_weights` takes the weights of this network over.

        Raises:
            PassError: there is no such part, or the shapes do not meet any more.
        """
        from archspec.passes.lesion import choose_blocks

        drawn = choose_blocks(self.graph, random, seed) if random else ()
        return self.rewrite("lesion", drop=tuple(dict.fromkeys((*drop, *drawn))), swap=tuple(map(tuple, swap)))

    def map_weights(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The `state_dict` of this network that is equal to `weights`, one of the network before its passes.

        Of an optimised network, it is the one that was optimised whose weights are taken.

        Raises:
            KeyError: a weight that a pass needs is not there.
        """
        from archspec.codegen.fx import map_weights

        return map_weights(
            self.graph, weights, since=len(self.optimized_from.graph.weight_provenance) if self.optimized_from else 0
        )

    def check_expectations(self) -> tuple[Diagnostic, ...]:
        """Where the spec's `expect` is not what comes out."""
        return tuple(
            diagnostic
            for name, tree in self.program.expect.items()
            for diagnostic in self._check_expectation(name, tree)
        )

    def _check_expectation(self, name: str, tree: Tree) -> list[Diagnostic]:
        expected = to_plain_data(tree)
        help: str | None = None
        if expected is None:
            return []
        find_meter().charge("counting", _COUNTED * len(self.graph.nodes), tree.span)
        if name == "output":
            shapes = [list(sizes) for sizes in self.output_shapes.values()]
            got: Any = (
                shapes if expected and isinstance(expected[0], list) else shapes[0] if len(shapes) == 1 else shapes
            )
            message = f"expected the output {expected}, got {got}"
            help = f"sizes have no batch: {got}" if expected[1:] == got else None
        else:
            got = self.paths().total if name == "paths" else getattr(self, name)
            more = got - expected
            difference = f"{'+' if more >= 0 else ''}{format_number(more, _DIGITS)}"
            message = (
                f"expected {name} {format_number(expected, _DIGITS)}, got {format_number(got, _DIGITS)} ({difference})"
            )
        return [] if got == expected else [Diagnostic(message, tree.span, help=help)]

    def __repr__(self) -> str:
        return f"<Architecture {escape_unprintable(self.name)}: {self.params:,} params, {self.macs:,} MACs, depth {self.depth}>"
