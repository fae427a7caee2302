"""Hostile specs by name, as the text or the bytes of a file.

`scale` divides their sizes, for tests with limits that are as much smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

HEAD = "name: hostile\ninput: [4, 8, 8]\n"


def stages(text: str, *, blocks: str = "", args: str = "") -> str:
    """A spec with one stage."""
    parts = [
        HEAD,
        f"args: {args}\n" if args else "",
        f"blocks:\n{blocks}" if blocks else "",
        f"stages:\n  one: {text}\n",
    ]
    return "".join(parts)


def doubling(count: int, unit: str) -> str:
    """Blocks each of which uses the one before it twice."""
    lines = [f"  b0: {unit}"] + [f"  b{at}: [b{at - 1}, b{at - 1}]" for at in range(1, count + 1)]
    return "\n".join(lines) + "\n"


def handing(count: int, argument: str) -> str:
    """Blocks each of which passes `argument` to the one before it."""
    lines = ["  b0: {args: {x: layer}, layers: [x]}"]
    lines += [f"  b{at}: {{args: {{x: layer}}, layers: [b{at - 1}: {{x: {argument}}}]}}" for at in range(1, count + 1)]
    return "\n".join(lines) + "\n"


def chained(count: int) -> str:
    """Blocks each of which uses the one before it once."""
    lines = ["  b0: relu"] + [f"  b{at}: [b{at - 1}]" for at in range(1, count + 1)]
    return "\n".join(lines) + "\n"


def commas(items: Iterable[str]) -> str:
    return ", ".join(items)


def numbered(count: int, value: str = "{at}", name: str = "a") -> str:
    """`a0: 0, a1: 1, …`."""
    return commas(f"{name}{at}: {value.replace('{at}', str(at))}" for at in range(count))


def alike(count: int, letters: str = "ab") -> list[str]:
    """Different words of 60 letters that are similar to each other."""
    return ["".join(letters[(at * 7919 + 31 * place * place + (at >> place % 13)) % 2] for place in range(60)) for at in range(count)]  # fmt: skip


def cases(scale: int = 1) -> Iterator[tuple[str, str | bytes]]:
    """The name and the content of each case that is no network."""
    yield from _of_yaml(scale)
    yield from _of_numbers(scale)
    yield from _of_size(scale)
    yield from _of_words(scale)


def _of_yaml(scale: int) -> Iterator[tuple[str, str | bytes]]:
    bomb = "".join(f"a{at}: &a{at} [{commas([f'*a{at - 1}'] * 9) if at else 'relu'}]\n" for at in range(9))
    yield "alias bomb", HEAD + bomb
    yield "too many bytes", HEAD + "# " + "x" * (10_000_000 // scale) + "\nstages: {one: relu}\n"
    yield "flow nesting", stages("[" * 10_000 + "relu" + "]" * 10_000)
    yield "flow nesting of mappings", stages("{layers: " * 5000 + "relu" + "}" * 5000)
    yield "block nesting", stages("\n" + "".join(" " * at + "- \n" for at in range(3, 300)))
    yield "nesting that is never closed", stages("[" * 50_000)
    yield "dashes", stages("\n    " + "- " * 10_000 + "relu")
    yield "keys", HEAD + "stages:\n" + "".join(f"  s{at}: relu\n" for at in range(40_000 // scale)) + "  s: rellu\n"
    yield "too many keys", HEAD + "stages:\n" + "".join(f" {at}: x\n" for at in range(100_000 // scale))
    yield "unknown words", HEAD + "stages:\n" + "".join(f"  s{at}: stage{at}\n" for at in range(20_000 // scale))
    yield "arguments", HEAD + f"args: {{{numbered(30_000 // scale)}}}\nstages: {{one: reluu}}\n"
    yield "long scalar", stages("x" * (900_000 // scale))
    yield "long scalar of words", stages("{conv: " + "x " * (400_000 // scale) + "}")
    yield "long quoted scalar", stages('"' + "x" * (900_000 // scale) + '"')
    yield "long name", HEAD + "stages: {? " + "x" * (500_000 // scale) + "\n: relu}\n"
    yield "long key", stages("{" + "x" * 1000 + ": 3}")
    yield "NUL", stages("re\0lu").encode()
    yield "latin-1", "name: Möbius\n".encode("latin-1")
    yield "utf-16", stages("relu").encode("utf-16")
    yield "utf-32", stages("relu").encode("utf-32")
    yield "BOM inside", HEAD.encode() + b"\xef\xbb\xbfstages: {one: reluu}\n"
    yield "BOM and latin-1", b"\xef\xbb\xbfname: M\xf6bius\n"
    yield "binary", bytes(range(256)) * 100
    yield "tabs", HEAD + "stages:\n\tone:\trelu\n"
    yield "lone surrogate", stages('"\\ud800"')
    yield "surrogate in a file", HEAD.encode() + b"stages: {one: \xed\xa0\x80}\n"
    yield "line separators", HEAD + "stages:\u2028  one: reluu\u0085  two: x\n"
    yield "carriage returns", (HEAD + "stages:\n  one: reluu\n").replace("\n", "\r")
    yield "empty file", ""
    yield "only a tag", "!!python/object/apply:os.system ['true']"
    yield "percent", "%YAML 9.9\n---\nname: a\n"
    yield "anchors of nothing", HEAD + "stages: &x\n"
    yield "complex key", HEAD + "? [a, b]\n: c\n"


def _of_numbers(scale: int) -> Iterator[tuple[str, str | bytes]]:
    yield "huge exponent", stages("{conv: 1e999999999}")
    yield "huge integer", stages("{conv: " + "9" * 10_000 + "}")
    yield "huge fraction", stages("{dropout: " + "9" * 400 + ".5}")
    yield "tiny fraction", stages("{dropout: 1e-1000}")
    yield "huge float", stages("{scale: " + "9" * 500 + "}")
    yield "huge hexadecimal", stages("{conv: 0x" + "e1" * 600 + "}")
    yield "huge octal", stages("{conv: 0o" + "7" * 900 + "}")
    yield "power by products", stages("{conv: a * a * a * a}", args="{a: 1e500}")
    product = "{a0: 1e99, " + commas(f"a{at}: a{at - 1} * a{at - 1}" for at in range(1, 61)) + "}"
    yield "product of arguments", stages("{conv: a60}", args=product)
    yield "fraction of arguments", stages("{dropout: a}", args="{a: 1e1000 / 3}")
    yield "long expression", stages("{conv: " + "1 + " * 10_000 + "1}")
    yield "deep expression", stages("{conv: " + "(" * 400 + "1" + ")" * 400 + "}")
    yield "minus signs", stages("{conv: " + "- " * 400 + "1}")
    yield "wide and deep expression", stages("{conv: 0*" + ("(" + "1+" * 9) * 40 + "1" + ")" * 40 + "}")
    yield "reshape", stages("{reshape: [1000000000, 1000000000]}")
    yield "split", stages("{split: [1000000000, 1000000000]}")
    yield "split in many", stages("{split: [" + commas(["1"] * (90_000 // scale)) + "]}")
    yield "conv", stages("{conv: 1000000000000}")
    yield "pool", stages("{adaptivepool: 1000000000000}")
    yield "upsample", stages("{upsample: 1000000000000}")
    yield "pad", stages("{pad: 1000000000000}")
    yield "input", "name: a\ninput: [1e9, 1e9, 1e9]\nstages: {one: relu}\n"
    yield "input of many axes", f"name: a\ninput: [{commas(['1'] * (50_000 // scale))}]\nstages: {{one: relu}}\n"
    yield "input of huge sizes", f"name: a\ninput: [{commas(['1e300'] * (5000 // scale))}]\nstages: {{one: relu}}\n"
    yield "expect", HEAD + "stages: {one: relu}\nexpect: {params: 1e9999}\n"
    tens = commas(["identity"] * 10)
    yield "more paths than Python prints", stages(f"{{repeat: {{times: 4400, layers: [add: [{tens}]]}}}}") + "expect: {paths: 1}\n"  # fmt: skip
    yield "outputs that are no sizes", HEAD + f"stages: {{one: relu}}\nexpect: {{output: [{commas(['[x]'] * (45_000 // scale))}]}}\n"  # fmt: skip


def _of_size(scale: int) -> Iterator[tuple[str, str | bytes]]:
    yield "nest", stages("{nest: {times: 60, core: [relu], layers: [add: [core, core]]}}")
    yield "nest of identities", stages("{nest: {times: 60, core: [identity], layers: [core, core]}}")
    yield "nest of a million", stages("{nest: {times: 1000000, core: [relu], layers: [core]}}")
    yield "doubling blocks", stages("b60", blocks=doubling(60, "relu"))
    yield "doubling blocks of identities", stages("b60", blocks=doubling(60, "identity"))
    yield "doubling layer arguments", stages("{b60: relu}", blocks=handing(60, "[x, x]"))
    yield "doubling layer arguments of identities", stages("{b60: identity}", blocks=handing(60, "[x, x]"))
    yield "doubling layer arguments in turns", stages("{b60: relu}", blocks=handing(60, "[x, relu, x]"))
    numbers = "".join(
        f"  b{at}: {{args: {{n: int}}, layers: [b{at - 1}: 2 * n, b{at - 1}: 2 * n + 1]}}\n" for at in range(1, 61)
    )
    yield "doubling numbers", stages("{b60: 1}", blocks="  b0: {args: {n: int}, layers: [conv: n]}\n" + numbers)
    layers = "".join(
        f"  b{at}: {{args: {{x: layer}}, layers: [b{at - 1}: [x, relu], b{at - 1}: [relu, x]]}}\n"
        for at in range(1, 61)
    )
    yield "doubling closures", stages("{b60: relu}", blocks="  b0: {args: {x: layer}, layers: [x]}\n" + layers)
    yield "deep blocks", stages(f"b{20_000 // scale}", blocks=chained(20_000 // scale))
    yield "deep blocks below the limit of size", stages("b600", blocks=chained(600))
    yield "deep layer arguments", stages(f"{{b{6000 // scale}: relu}}", blocks=handing(6000 // scale, "[x]"))
    yield "cyclic blocks", stages("b0", blocks="  b0: [b1]\n  b1: [b2]\n  b2: [b0]\n")
    yield "cyclic default", stages("b0", blocks="  b0: {args: {x: [b0]}, layers: [x]}\n")
    yield "repeat", stages("{repeat: {times: 1e9, layers: [identity]}}")
    yield "repeat of nothing", stages("{repeat: {times: 1e9, layers: []}}")
    thousand = "{repeat: {times: 1000, layers: [%s]}}"
    yield "nested repeats", stages(thousand % (thousand % (thousand % "identity")))
    yield "repeat of arguments", stages("{repeat: {times: a * a, layers: [relu]}}", args="{a: 1e9}")
    yield "copies", stages("{add: [copies: {times: 1e9, layers: [relu]}]}")
    bundles = "".join(f"  s{at}: {{bundle: [identity, identity]}}\n" for at in range(60))
    yield "doubling bundles", f"{HEAD}stages:\n{bundles}"
    yield "shared turns", stages("{repeat: {times: 1e8, share: true, layers: [relu]}}")
    many = f"bundle: [copies: {{times: {2000 // scale}, layers: [relu]}}]"
    every = "repeat: {times: 2600, layers: [each: {layers: [identity]}]}"
    yield "identities for each of many", stages(f"[{many}, {every}, {{add: [identity]}}]")
    yield "nodes", stages(f"{{repeat: {{times: {300_000 // scale}, layers: [add: [identity, relu]]}}}}")
    yield "nest of nodes", stages("{nest: {times: 17, core: [relu], layers: [add: [core, core]]}}")


def _of_words(scale: int) -> Iterator[tuple[str, str | bytes]]:
    blocks = "".join(f"  {word}: relu\n" for word in alike(400))
    wrong = commas(f"s{at}: {word}" for at, word in enumerate(alike(100, "ba")))
    yield "words that are hard to tell apart", f"{HEAD}blocks:\n{blocks}stages: {{{wrong}}}\n"
    good = "".join(f"  s{at}: relu\n" for at in range(40_000 // scale))
    bad = "".join(f"  t{at}: s{at}{at}x\n" for at in range(120))
    yield "many words to choose from", f"{HEAD}stages:\n{good}{bad}"
    sources = "".join(f"  t{at}: {{relu: {{}}, from: s{at}{at}x}}\n" for at in range(120))
    yield "many values to choose from", f"{HEAD}stages:\n{good}{sources}"
    outputs = commas(f"s{at}{at}x" for at in range(120))
    yield "many stages to choose from", f"{HEAD}stages:\n{good}outputs: [{outputs}]\n"
