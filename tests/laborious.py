"""Specs that take much work, by name; some are networks. `scale` divides their sizes, as in `tests.hostile`."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile import HEAD, commas, handing, numbered, stages


def cases(scale: int = 1) -> Iterator[tuple[str, str]]:
    """The name of each case, and its text."""
    yield from _of_names(scale)
    yield from _of_lists(scale)
    yield from _of_bundles(scale)
    yield from _of_layers(scale)
    yield from _of_mistakes(scale)
    yield from _of_rewrites(scale)
    yield from _of_counts(scale)


def _of_names(scale: int) -> Iterator[tuple[str, str]]:
    """Copying of many names."""
    many = f"{{{numbered(35_000 // scale)}}}"
    blocks = "".join(f"  b{at}: relu\n" for at in range(13_000 // scale))
    yield "arguments in many blocks", stages("b0", blocks=blocks, args=many)
    iterators = commas(["repeat: {times: 1, index: i, layers: relu}"] * (3000 // scale))
    yield "arguments in many iterators", stages(f"[{iterators}]", args=many)
    block = "  b: {args: {n: int}, layers: [relu]}\n"
    yield (
        "arguments in many uses",
        stages("{repeat: {times: channels * 5000, layers: [b: 1]}}", blocks=block, args=many),
    )
    yield (
        "arguments in many turns",
        stages("{repeat: {times: channels * 5000, index: i, layers: [{conv: i, from: input}]}}", args=many),
    )
    block = f"  b: {{args: {many}, layers: [relu]}}\n"
    yield "a block of many arguments", stages("{repeat: {times: channels * 5000, layers: [b]}}", blocks=block)
    taken = numbered(20_000 // scale, "relu", "n")
    turns = "{repeat: {times: channels * 5000, share: true, layers: {a: identity, b: relu}}}"
    yield "names beside shared turns", stages(f"{{layers: {{{taken}, r: {turns}}}}}")
    deep = "".join(f"  b{at}: {{layers: {{long: {{layers: {{name: b{at - 1}}}}}}}}}\n" for at in range(1, 120))
    first = "  b0: {layers: {x: {repeat: {times: channels * 20000, layers: [relu]}}}}\n"
    yield "long paths of names", stages("b119", blocks=first + deep)
    yield "many inputs", f"name: a\ninputs: {{{numbered(30_000 // scale, '[4]')}}}\nstages: {{one: {{add: [input]}}}}\n"
    outputs = commas(f"s{at}" for at in range(20_000 // scale))
    named = numbered(20_000 // scale, "relu", "s")
    yield "many outputs", f"{HEAD}stages: {{{named}}}\noutputs: [{outputs}]\n"


def _of_lists(scale: int) -> Iterator[tuple[str, str]]:
    """Repeated evaluation of lists."""
    ones = commas(["1"] * (50_000 // scale))
    defaults = f"defaults: {{split: {{sizes: [{ones}]}}}}\n"
    yield "a long default of many uses", f"{HEAD}{defaults}stages: {{one: [{commas(['split'] * (20_000 // scale))}]}}\n"
    turns = "{repeat: {times: channels * 5000, index: i, layers: [{split: {axis: i}, from: input}]}}"
    yield "a long default of many turns", f"{HEAD}{defaults}stages: {{one: {turns}}}\n"
    blocks = "".join(f"  b{at}: {{args: {{n: [1, 1]}}, layers: [b{at - 1}: {{n: n}}]}}\n" for at in range(1, 100))
    use = f"b99: {{n: [{ones}]}}"
    relu = "  b0: {args: {n: [1, 1]}, layers: [relu]}\n"
    yield (
        "a list that is handed down",
        stages(f"{{repeat: {{times: channels * 1000, layers: [{use}]}}}}", blocks=relu + blocks),
    )
    wrong = "  b0: {args: {n: [1, 1]}, layers: [conv: channels / 3]}\n"
    yield "a list that is handed to a mistake", stages(f"[{use}]", blocks=wrong + blocks)
    terms = "+".join(f"(a/(c+{at}))" for at in range(90))
    block = "  b: {args: {n: 0.5}, layers: []}\n"
    sums = f"{{repeat: {{times: channels * 5000, index: i, layers: [b: {terms}+i]}}}}"
    yield "long numbers in every turn", stages(sums, blocks=block, args="{a: 1e300, c: 7}")
    identities = commas(["identity"] * (50_000 // scale))
    block = "  b: {args: {x: layer}, layers: []}\n"
    handed = f"{{repeat: {{times: channels * 9000, layers: [b: {{x: [{identities}]}}]}}}}"
    yield "a long layer that is nothing", stages(handed, blocks=block)


def _of_bundles(scale: int) -> Iterator[tuple[str, str]]:
    """Copying of many values."""
    count = 20_000 // scale
    big = f"{HEAD}stages:\n  big: {{bundle: [copies: {{times: {count}, layers: [relu]}}]}}\n"
    last = "  last: {add: [identity]}\n"

    def turns(layer: str, times: int = 7500) -> str:
        """Four loops whose number of turns is not known before elaboration."""
        return (
            f"  two: [{{identity: {{}}, from: input}}, {{repeat: {{times: channels * {times}, layers: [{layer}]}}}}]\n"
        )

    yield "a bundle read by turns", f"{big}{turns('{identity: {}, from: [big, big]}')}{last}"
    yield "a bundle in every copy", f"{big}  two: {{add: [copies: {{times: 30000, layers: [big]}}]}}\n"
    yield "a bundle joined in turns", f"{big}{turns('{add: [big]}')}"
    yield "a bundle where one value is needed", f"{big}{turns('{relu: {}, from: big}')}{last}"
    names = commas(f"v{at}" for at in range(count))
    yield "a bundle of many names", f"{big}{turns(f'{{identity: {{}}, from: big, as: [{names}]}}')}{last}"
    block = "blocks: {b: {args: {n: int}, layers: []}}\n"
    yield (
        "a bundle through blocks",
        big.replace("stages:", block + "stages:") + turns("{b: 1, from: big}", 20_000) + last,
    )
    ones = commas(["1"] * 1024)
    body = f"[{{split: [{ones}]}}, {{concat: [each: {{layers: [identity]}}]}}]"
    splits = f"{{repeat: {{times: {300 // min(scale, 10)}, layers: {body}}}}}"
    yield "splits", f"name: a\ninput: [1024, 8, 8]\nstages: {{one: {splits}}}\n"
    thousand = f"bundle: [copies: {{times: {1000 // scale}, layers: [relu]}}]"
    yield (
        "each of a thousand",
        stages(f"[{thousand}, {{repeat: {{times: 900, layers: [each: {{layers: [relu]}}]}}}}, {{add: [identity]}}]"),
    )


def _of_layers(scale: int) -> Iterator[tuple[str, str]]:
    """Nested layers."""
    inner = "  b0: {args: {x: layer}, layers: [repeat: {times: channels * 5000, layers: [x]}]}\n"
    around = "".join(f"  b{at}: {{args: {{x: layer}}, layers: [b{at - 1}: {{x: [[[[x]]]]}}]}}\n" for at in range(1, 60))
    yield (
        "a name that is far away",
        f"{HEAD}blocks:\n{inner}{around}stages: {{one: {{relu: {{}}, as: v}}, two: {{b59: {{x: [v]}}}}}}\n",
    )
    yield "lists in lists", stages(f"[{commas(['[' * 90 + ']' * 90] * (900 // scale))}]")
    yield "turns of identities", stages("{repeat: {times: channels * 400000, layers: [identity]}}")
    yield "a nest with an index", stages("{nest: {times: 15, index: i, core: [relu], layers: [add: [core, core]]}}")


def _of_mistakes(scale: int) -> Iterator[tuple[str, str]]:
    """Repeated mistakes."""
    yield (
        "layers that lead nowhere",
        stages("[{repeat: {times: channels * 20000, layers: [{relu: {}, from: input}]}}, relu]"),
    )
    copies = "{bundle: [copies: {times: channels * 20000, index: i, layers: [%s]}]}"
    yield "a mistake in every turn", stages(copies % "conv: 1 / i / 3")
    block = "  b: {args: {n: int}, layers: [conv: n / 7 / 3]}\n"
    yield "a mistake in every use", stages(copies % "b: i", blocks=block)
    shapes = handing(14, "[x, x]").replace("layers: [x]}", "layers: [add: [x, [conv: 5]]]}", 1)
    yield "an operand of empty layers", stages("{b14: []}", blocks=shapes)
    wrong = commas(["x1y"] * (90_000 // scale))
    yield "a list of wrong words", stages(f"{{split: [{wrong}]}}")
    yield "a list of wrong numbers", stages(f"{{split: [{commas(['0'] * (90_000 // scale))}]}}")
    late = commas(["a"] * (90_000 // scale))
    yield "a list of numbers that are wrong later", stages(f"{{split: [{late}]}}", args="{a: 0}")
    option = f"[b: '{'y' * (900_000 // scale)}']"
    yield "a long option", stages(option, blocks="  b: {args: {m: 'x'}, layers: [conv: channels / 3]}\n")


def _of_rewrites(scale: int) -> Iterator[tuple[str, str]]:
    """Passes."""
    units = f"{{repeat: {{times: {20_000 // scale}, name: u, layers: [add: [identity, conv: 4]]}}}}"
    network = f"{HEAD}stages: {{one: {units}}}\n"
    yield "a pass of many", f"{network}passes: [{commas(['stochastic_depth'] * (3000 // scale))}]\n"
    flat = f"{HEAD}stages: {{one: [{commas(['add: [identity, conv: 4]'] * (12_000 // scale))}]}}\n"
    yield "free names", f"{flat}passes: [stochastic_depth]\n"
    dropped = commas(f"one.u{at}" for at in range(1, 15_000 // scale))
    yield "parts that are left out", f"{network}passes: [lesion: {{drop: [{dropped}]}}]\n"
    straight = f"{HEAD}stages: {{one: {{repeat: {{times: {20_000 // scale}, name: u, layers: [relu]}}}}}}\n"
    yield "parts without a shortcut", f"{straight}passes: [lesion: {{drop: [{dropped}]}}]\n"
    pairs = commas(["[one.u1, one.u2]"] * (10_000 // scale))
    yield "parts that change places", f"{network}passes: [lesion: {{swap: [{pairs}]}}]\n"
    yield (
        "columns",
        stages(f"{{mean: [copies: {{times: {50_000 // scale}, layers: [relu]}}]}}") + "passes: [drop_path]\n",
    )
    count = 1_000_000 // scale
    convs = f"[conv: {count}, {{conv: {{out: {count}, groups: {count}}}}}, {{conv: {{out: 4, bias: false}}}}]"
    yield "groups", f"name: a\ninput: [4, 1, 1]\nstages: {{one: {convs}}}\npasses: [separate_paths]\n"


def _of_counts(scale: int) -> Iterator[tuple[str, str]]:
    """Expectations."""
    ones = commas(["1"] * 1024)
    body = f"[{{split: [{ones}]}}, {{concat: [each: {{layers: [identity]}}]}}]"
    cut = f"name: a\ninput: [1024, 8, 8]\nstages: {{one: {{repeat: {{times: 10, layers: {body}}}}}}}\n"
    yield "paths of splits", f"{cut}expect: {{paths: 1}}\n"
    yield "depth of splits", f"{cut}expect: {{depth: 1}}\n"
    most = stages(f"{{repeat: {{times: {49_000 // scale}, layers: [add: [identity, relu]]}}}}")
    yield "counts of many nodes", f"{most}expect: {{params: 1, macs: 1, depth: 1, paths: 1}}\n"
