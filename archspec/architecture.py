"""Defines `Architecture`, the network of a spec, with pictures, modules, files and rewrites."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from archspec.errors import Diagnostic
from archspec.files import name_file
from archspec.ir.graph import Graph
from archspec.sharing import SharedNetwork
from archspec.spec.bound_tree import Program

if TYPE_CHECKING:
    import graphviz
    import torch

    from archspec.codegen.fx import Checkpoint, WeightReport, Weights
    from archspec.codegen.fx.reference_comparison import ReferenceComparison
    from archspec.codegen.fx.trial import Trial
    from archspec.draw.picture import Detail, Direction, Fit, Picture
    from archspec.passes.optimize import Purpose
    from archspec.pipeline import Pipeline
    from archspec.saving import NetworkKind
    from archspec.spans import Source


class Architecture(SharedNetwork):
    """The network that a spec describes: the analyses of `Network`, and methods to draw, build, save and rewrite it.

    >>> import archspec
    >>> archspec.load("resnet18")
    <Architecture resnet18: 11,689,512 params, 1,814,073,344 MACs, depth 18>
    """

    def __init__(
        self,
        program: Program,
        graph: Graph,
        text: str = "",
        overrides: Mapping[str, str] | None = None,
        *,
        path: Path | None = None,
        rewrites: tuple[tuple[str, Mapping[str, Any]], ...] = (),
        optimized_from: Architecture | None = None,
    ) -> None:
        super().__init__(graph)
        self.program = program
        self.path = path
        """The file of the spec; None if it was text or a mapping."""
        self.rewrites = rewrites
        """The passes with their arguments that `rewrite` applied after those of the spec."""
        self.optimized_from = optimized_from
        """The architecture that `optimize` made this one of, whose weights it takes."""
        self.text = text
        """The text of the spec, without those that it extends."""
        self.overrides = dict(overrides or {})
        """The values that replaced defaults of the spec's `args`, as text, including those that sizes of an input gave."""

    @property
    def optimized(self) -> bool:
        """Whether the network was made by `optimize`.

        >>> import archspec
        >>> archspec.load("resnet18").optimize().optimized
        True
        """
        return self.optimized_from is not None

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings about parts of the spec that have no effect or are implausible, which `archspec check` prints.

        >>> import archspec
        >>> [str(warning.message) for warning in archspec.load("{name: a, input: [8], args: {width: 4}, stages: {one: relu}}").warnings]
        ["nothing reads the argument 'width'"]
        """
        return self.program.warnings

    def draw(
        self,
        detail: Detail = "stages",
        *,
        fold: bool = True,
        depth: int | None = None,
        direction: Direction | None = None,
        fit: Fit | None = None,
        compact: bool = True,
        scale: bool = False,
        max_boxes: int = 3000,
        max_paths: int = 64,
    ) -> Picture:
        """The picture of the network; `save` writes it to a file, `archspec.draw.render_picture` returns its bytes.

        Args:
            detail: what is drawn: stages, distinct blocks, layers, or single paths.
            fold: whether consecutive equal parts are drawn once, as ×N.
            depth: with layers, the number of levels of regions that are opened.
            direction: top to bottom ("TB") or left to right ("LR"); if None, the detail decides.
            fit: where it is to fit: a "column" of a paper (3.25 × 9 in), a "page" (6.5 × 9 in) or a "slide" (13.33 × 7.5 in).
            compact: with blocks, whether a weighted layer is drawn as one box with its normalisation and activation.
            scale: whether stages are drawn to the scale of their outputs: height ∝ √resolution, width ∝ 1 + log₂ channels.
            max_boxes: the most boxes of a picture of layers.
            max_paths: the most paths that are drawn one by one; for more, their number through each arrow.

        Raises:
            DrawError: the picture would pass a limit.

        >>> import archspec
        >>> [box.lines[0].text for box in archspec.load("resnet18").draw().boxes]
        ['input', 'conv1 … maxpool', 'layer1', 'layer2', 'layer3', 'layer4', 'avgpool … fc', 'output']
        """
        from archspec.draw import draw_picture

        return draw_picture(
            self.graph,
            detail,
            fold=fold,
            depth=depth,
            direction=direction,
            fit=fit,
            compact=compact,
            scale=scale,
            max_boxes=max_boxes,
            max_paths=max_paths,
        )

    def to_graphviz(
        self, detail: Detail = "stages", *, theme: Literal["light", "dark", "print"] = "light", **options: Any
    ) -> graphviz.Source:
        """The picture as a `graphviz.Source` of the package graphviz, to change and to render with an installed Graphviz.

        Its text is the DOT that `save` writes to a `.dot` file. Needs `pip install 'archspec-nn[graphviz]'`.

        Args:
            detail: what is drawn, as for `draw`.
            theme: the colours.
            options: further arguments of `draw`.

        Raises:
            UnavailableError: the package is not installed.
            DrawError: the picture would pass a limit.

        >>> import archspec
        >>> archspec.load("resnet18").to_graphviz("blocks").source.splitlines()[0]  # doctest: +SKIP
        'digraph "resnet18" {'
        """
        from archspec import extras
        from archspec.draw import THEMES, render_picture

        package = extras.load_extra("graphviz", "to_graphviz", "pip install 'archspec-nn[graphviz]'")
        dot = render_picture(self.draw(detail, **options), ".dot", THEMES[theme])
        return package.Source(dot.decode(), filename=f"{name_file(self.name, '.gv')}")

    def save(
        self, path: str | Path, *, kind: NetworkKind | None = None, ending: str | None = None, **options: Any
    ) -> None:
        """Writes the network to a file atomically, in the format of its ending; `archspec.FORMATS` lists them.

        Args:
            path: the file.
            ending: the format, for a path without an ending such as a pipe or a device.
            kind: selects between formats of one ending: `.html` is a picture unless `kind` is "report", `.tex` one unless it is
                "table", `.md` a table unless it is "comparison".
            options: for a picture (`.svg`, `.png`, `.pdf`, `.tex`, `.dot`, `.mmd`, `.html`), those of `draw` and a `theme` ("light", "dark",
                "print"); for a table of the summary (`.tex`, `.csv`, `.md`), its `depth`; for a comparison (`.md`), the `other` network;
                for a report, other networks `beside`; for source (`.py`), the `command` that its docstring names; for a
                program (`.pt2`, `.onnx`) and weights (`.safetensors`, `.pt`, `.pth`), the `seed`, `weights`, `strict`, `adapt` and
                `report` of `build`; for a program, the `dynamic` axes (`"batch,height,width"`; the batch if not given), and for
                `.onnx` an `opset`; for a spec (`.yaml`), which extends the loaded one, the `limits` that it must keep.

        Raises:
            ExportError: there is no such format, a package that it needs is missing, or the network cannot be written in it.
            DrawError: the picture is too large, or its renderer is not installed.
            WeightsError: as in `build`.
            OSError: a file cannot be read or written; an existing file is unchanged.

        >>> import archspec, os
        >>> arch = archspec.load("resnet18")
        >>> arch.save("resnet18.py")
        >>> arch.save("resnet18.mmd", detail="blocks")
        >>> sorted(os.listdir())
        ['resnet18.mmd', 'resnet18.py']
        """
        from archspec.saving import save_network

        save_network(self, Path(path), kind, ending, options)

    def export(self, path: str | Path, **options: Any) -> None:
        """Writes the network to a file, as `save` does, of which this is another name: `.onnx`, `.pt2`, `.py` and all others.

        >>> import archspec
        >>> archspec.load("resnet18").export("resnet18.py")
        """
        self.save(path, **options)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The text of the spec, and behind it those of the specs that it extends.

        >>> import archspec
        >>> [source.name for source in archspec.load("densenet169").sources]
        ['densenet169.yaml', 'densenet121.yaml']
        """
        document = self.program.document
        return document.sources if document else ()

    def report(self, *others: Architecture) -> str:
        """A self-contained HTML page about this network, alone or compared with others.

        Raises:
            ValueError: there are more than `MOST_NETWORKS` networks.
            TooLargeError: a network has more parts than a page can show.

        >>> import archspec
        >>> archspec.load("resnet18").report().startswith("<!DOCTYPE html>")
        True
        """
        from archspec.draw.theme import THEMES, list_colours
        from archspec.report.page import write_report

        colours = {name: list_colours(THEMES[name]) for name in ("light", "dark")}
        networks = (self, *others)
        return write_report([arch.graph for arch in networks], colours, [arch.sources for arch in networks])

    def _repr_html_(self) -> str | None:
        """The summary, the picture and the report behind tabs, for a notebook."""
        from archspec.notebook import render_tabs

        return render_tabs(self, self.report)

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, str]:
        """The text, the summary and the picture, for a notebook and what is made of it."""
        from archspec.notebook import render_bundle

        return render_bundle(self, include, exclude)

    def check_against(
        self,
        reference: torch.nn.Module | str,
        arguments: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
    ) -> ReferenceComparison:
        """Compares the network with another model: keys, shapes, parameters, and values with that model's weights in evaluation mode.

        Args:
            reference: a module, which stays as it is, or what makes one: `torchvision:NAME`, `timm:NAME`, `FILE.py:FACTORY` or
                `PACKAGE.MODULE:FACTORY`, whose code is run.
            arguments: keyword arguments of the factory.
            name: its name in messages; its class or the text of `reference` if None.

        Returns:
            The differences, each at its line in the spec, with the first module whose value differs.

        Raises:
            ReferenceModelError: there is no such factory, it raises an error, returns no module, or a module that fails for the input.
            UnavailableError: the library is not installed.

        >>> import archspec, torch
        >>> arch = archspec.load("{name: a, input: [4], stages: {0: {linear: 8}, 1: relu, 2: {linear: {out: 2, bias: false}}}}")
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> print(arch.check_against(model).diagnostics[0].message)
        Sequential also has 2.bias 2
        """
        from archspec.codegen.fx.reference_comparison import compare_with_reference
        from archspec.codegen.fx.reference_models import make_reference

        model = make_reference(reference, arguments) if isinstance(reference, str) else reference
        title = name or (reference if isinstance(reference, str) else type(reference).__name__)
        return compare_with_reference(self.graph, lambda: self.build(device="cpu"), model, title)

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
        graph: bool = False,
        outputs: str | Iterable[str | int] | None = None,
    ) -> torch.fx.GraphModule:
        """Builds the network as a `torch.fx.GraphModule` in training mode, initialised as the spec says. Needs torch.

        Args:
            device: the device of the weights.
            dtype: the type of the weights; torch's default if None.
            seed: the seed of the initialisation; None uses torch's default generator. For an optimised network, seed and weights
                are those of the network before.
            weights: a file of safetensors or a torch checkpoint, an index of shards, a mapping of tensors or arrays,
                `"torchvision:resnet50"` or `"timm:resnet50"`. A `WeightsWarning` reports values that are not finite.
            strict: whether all keys and shapes must match; otherwise only those that match are loaded.
            adapt: what may differ: "head", "channels", "positions", "patches", or several of them, also as one text with commas.
            report: is called with a report on what was loaded, renamed and adapted; without it a `WeightsNote` warns of changes.
            checkpoint: saves memory in training by recomputing values in the backward pass: "blocks", all inside blocks; "norms",
                concatenations, normalisations and ReLUs before convolutions, as in memory-efficient DenseNets. Names, outputs,
                gradients and running statistics are the same. A `CheckpointWarning` says if a network has nothing to recompute.
            graph: whether calls without gradients replay captured CUDA graphs, one for each input shape, on a CUDA device. A
                `CudaGraphWarning` says once why a call cannot.
            outputs: the parts whose values are returned, without the layers that they do not need: those of `features`.

        Raises:
            PassError: there is no part of a name in `outputs`.
            BuildError: CUDA graphs are asked for on another device.
            WeightsError: the weights cannot be read or do not fit; the message lists the keys.
            OSError: the file of weights cannot be read.

        >>> import archspec, torch
        >>> model = archspec.load("cifar_resnet20_A").build(seed=0).eval()
        >>> model(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
        """
        if outputs is not None:
            options: dict[str, Any] = {"weights": weights, "strict": strict, "adapt": adapt, "report": report}
            return self.features(outputs).build(device, dtype, seed, checkpoint=checkpoint, graph=graph, **options)
        from archspec.codegen.fx import build, choose_folding_dtype, copy_weights, load_weights

        model = build(self.graph, device=device, dtype=dtype, seed=seed, checkpoint=checkpoint, cuda_graph=graph)
        if self.optimized_from is not None:
            exact = dtype if weights is None else choose_folding_dtype(dtype)
            before = self.optimized_from.build(
                device, exact, seed, weights=weights, strict=strict, adapt=adapt, report=report
            )
            copy_weights(self.map_weights(before.state_dict()), model.state_dict())
        elif weights is not None:
            load_weights(model, weights, strict=strict, adapt=adapt, report=report, graph=self.graph)
        return model

    def try_out(self, device: str = "auto", batch: int = 2, **options: Any) -> Trial:
        """Builds the network on a device ("auto", "cpu" or "cuda"), runs it once on random inputs, and measures the time.

        `options` are the `seed`, `weights`, `strict`, `adapt`, `report` and `graph` of `build`. Raises as `build` does, and:

        Raises:
            MissingDeviceError: the device is not available.
            MemoryError: the weights or the values do not fit into its memory.

        >>> import archspec
        >>> archspec.load("cifar_resnet20_A").try_out("cpu", batch=1).batch
        1
        """
        from archspec.codegen.fx.trial import try_out

        return try_out(self.graph, partial(self.build, **options), device=device, batch=batch)

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

        Args:
            stages: the number of stages.
            costs: the seconds of parts by name; without these and `measure`, the work of a layer is modelled as its MACs, or as the
                bytes that it moves if these take longer.
            measure: a device ("auto", "cpu" or "cuda") on which the seconds of every layer are measured.
            batch: the number of samples in that measurement.
            crossing: the most values that may cross at a cut; see `archspec.analysis.partition.partition_network`.

        Raises:
            CutError: there are too few cut points; the message says how many stages are possible.
            UnknownPartError: a name in `costs` is that of no part.
            CostError: a part in `costs` contains another one, or a cost is negative or not finite.

        >>> import archspec
        >>> [round(stage.share, 2) for stage in archspec.load("resnet50").pipeline(stages=4).stages]
        [0.24, 0.26, 0.28, 0.22]
        """
        from archspec.pipeline import build_pipeline

        whole = None if self.optimized_from is None else self.build
        return build_pipeline(
            self.graph, stages, costs=costs, measure=measure, batch=batch, crossing=crossing, build_network=whole
        )

    def decompile(self, name: str | None = None) -> str:
        """The text of a spec of its own that compiles to this network, also after passes: without `extends`, `passes` and `args`.

        The names of modules, the ops, shapes and wiring are the same, which is checked.

        Args:
            name: the name in the new spec.

        Raises:
            DecompileError: it has ops that no spec can use, as some optimised networks, or layers that share weights.

        >>> import archspec
        >>> lesioned = archspec.load("resnet18").lesion(drop=["layer2.1"])
        >>> archspec.load(lesioned.decompile()).params == lesioned.params
        True
        """
        from archspec.importing.decompile import decompile_graph

        return decompile_graph(self.graph, name)

    def source(self, command: str | None = None) -> str:
        """The network as the source of a Python module: typed and formatted PyTorch that imports only torch.

        Its classes have the names of the spec's blocks, its `state_dict` the keys of `build()`. `command` is the command line
        that its docstring names. Needs no torch.

        >>> import archspec
        >>> [line for line in archspec.load("lstm").source().splitlines() if line.startswith(("import", "from", "class"))]
        ['import torch', 'from torch import Tensor, nn', 'class Memory(nn.Module):', 'class State(nn.Module):', 'class Cell(nn.Module):', 'class Lstm2(nn.Module):', 'class Lstm(nn.Module):']
        """
        from archspec.codegen.python import describe_network, print_source

        return print_source(self.graph, describe_network(self, command))

    def optimize(self, for_: Purpose = "inference", *, merge: bool = False) -> Architecture:
        """An architecture that computes the same with less work.

        For "inference" it computes what this one computes in evaluation: batch normalisations are folded into convolutions, ops that
        only training needs are removed, and `build` chooses kernels and memory format for the device. For "training" no-ops are
        removed and equal parallel paths become grouped convolutions. `merge` also merges 1×1 convolutions of the same operand.
        Merged weights have new names.

        >>> import archspec
        >>> arch = archspec.load("resnet18")
        >>> len(list(arch.graph.ops)), len(list(arch.optimize().graph.ops))
        (68, 48)
        """
        from archspec.passes.optimize import optimize

        network = optimize(self.graph, for_, merge=merge)
        return self._derive(network, optimized_from=self.optimized_from or self)

    def rewrite(self, word: str, **arguments: Any) -> Architecture:
        """The architecture after one more pass, as `passes: [word: arguments]` would make it.

        Raises:
            PassError: an argument is wrong, the network lacks what the pass needs, or the pass broke its contract.
            KeyError: there is no pass of that name.

        >>> import archspec
        >>> archspec.load("resnet18").rewrite("lesion", drop=("layer1.0",)).paths().total
        128
        """
        from archspec.passes.registry import BY_WORD

        network = BY_WORD[word](self.graph, **arguments)
        return self._derive(network, rewrites=(*self.rewrites, (word, arguments)))

    def _derive(self, graph: Graph, **changes: Any) -> Architecture:
        """The architecture of a graph that a pass made of this one's."""
        own = {"path": self.path, "rewrites": self.rewrites, "optimized_from": self.optimized_from}
        return Architecture(self.program, graph, self.text, self.overrides, **own | changes)

    def lesion(
        self,
        drop: Iterable[str] = (),
        swap: Iterable[tuple[str, str]] = (),
        *,
        random: int = 0,
        seed: int = 0,
    ) -> Architecture:
        """The architecture without the residual branches of some blocks, and with pairs of blocks exchanged (Veit et al. 2016,
        arXiv:1605.06431, section 4).

        The remaining layers keep their names, so that `map_weights` gives them the weights of this network.

        Args:
            drop: the names of blocks.
            swap: pairs of names of blocks.
            random: the number of further blocks to drop, drawn at random.
            seed: the seed of that draw.

        Raises:
            PassError: there is no such part, or the shapes do not fit without it.

        >>> import archspec
        >>> whole = archspec.load("resnet18")
        >>> whole.paths().total, whole.lesion(drop=["layer1.0"]).paths().total
        (256, 128)
        """
        from archspec.passes.lesion import choose_blocks

        drawn = choose_blocks(self.graph, random, seed) if random else ()
        dropped, swapped = tuple(dict.fromkeys((*drop, *drawn))), tuple(map(tuple, swap))
        return self.rewrite(
            "lesion", **({"drop": dropped} if dropped else {}), **({"swap": swapped} if swapped else {})
        )

    def features(self, stages: str | Iterable[str | int]) -> Architecture:
        """The architecture that returns values inside this one, without the layers that they do not depend on.

        It has several outputs, called as their parts, with `channels` and `reduction`; `build` loads weights of the whole network, too.

        Args:
            stages: parts by name (`"layer2"`, `"layer3.5"`, `"layer1.0.conv2"`), as several or as one text with commas, or indices of strides, from the finest on: the last
                stage of each, as in timm's `out_indices`.

        Raises:
            PassError: there is no part of a name, or no such stride.

        >>> import archspec
        >>> backbone = archspec.load("resnet50").features(["layer2", 4])
        >>> backbone.output_shapes, backbone.channels, backbone.reduction
        ({'layer2': (512, 28, 28), 'layer4': (2048, 7, 7)}, (512, 2048), (8, 32))
        """
        parts = [part.strip() for part in stages.split(",")] if isinstance(stages, str) else stages
        return self.rewrite("features", outputs=tuple(self._name_part(part) for part in parts))

    def _name_part(self, part: str | int) -> str:
        """The name of a part that is given by name, or by the index of its stride. Raises `PassError`."""
        text = str(part)
        if not text.lstrip("-").isdecimal():
            return text
        from archspec.ir.parts import NamedParts
        from archspec.passes import PassError
        from archspec.view.strides import UnknownFeatureError, find_feature_name

        if isinstance(part, str) and self.graph.derive(NamedParts).get(part) is not None:
            return part
        try:
            return find_feature_name(self.graph, int(text))
        except UnknownFeatureError as error:
            raise PassError(str(error)) from None

    def map_weights(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The `state_dict` of this network for `weights`, a `state_dict` of the network before its passes.

        For an optimised network, `weights` are those of the network before `optimize`.

        Raises:
            KeyError: a weight that a pass needs is missing.

        >>> import archspec
        >>> whole = archspec.load("cifar_resnet20_A")
        >>> fast = whole.optimize()
        >>> sorted(fast.map_weights(whole.build().state_dict()))[:2]
        ['conv1.bias', 'conv1.weight']
        """
        from archspec.codegen.fx import map_weights

        return map_weights(
            self.graph, weights, since=len(self.optimized_from.graph.weight_provenance) if self.optimized_from else 0
        )

    def check_expectations(self) -> tuple[Diagnostic, ...]:
        """A diagnostic for each entry of the spec's `expect` that the network does not have.

        >>> import archspec
        >>> wrong = archspec.load("{name: a, input: [8], stages: {fc: {linear: 4}}, expect: {params: 32}}")
        >>> [diagnostic.message for diagnostic in wrong.check_expectations()]
        ['expected params 32, got 36 (+4)']
        """
        from archspec.expectations import check_expectations

        return tuple(check_expectations(self, self.program.expect))
