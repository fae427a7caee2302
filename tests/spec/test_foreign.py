"""Words of other libraries: the advice is right, and works if it is followed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

import archspec
from archspec.ops import BY_WORD
from archspec.spans import Source
from archspec.spec import bundled, foreign_advice, foreign_words
from archspec.spec.symbols import ITERATORS

USES = {
    "linear": ("[4]", "4"), "conv": ("[4, 8, 8]", "4"), "convtranspose": ("[4, 8, 8]", "4"), "groupnorm": ("[4, 8, 8]", "2"),
    "leakyrelu": ("[4]", "0.2"), "lrn": ("[4, 8, 8]", "5"), "maxpool": ("[4, 8, 8]", "2"), "avgpool": ("[4, 8, 8]", "2"),
    "globalpool": ("[4, 8, 8]", "avg"), "adaptivepool": ("[4, 8, 8]", "1"), "spatialdropout": ("[4, 8, 8]", "0.2"),
    "droppath": ("[4, 8, 8]", "0.2"), "reshape": ("[4, 8, 8]", "[256]"), "permute": ("[4, 8]", "[1, 0]"),
    "upsample": ("[4, 8, 8]", "2"), "slice": ("[4, 8, 8]", "2"), "pad": ("[4, 8, 8]", "1"), "attention": ("[6, 4]", "2"),
    "embedding": ("[4]", "{vocabulary: 9, width: 4}"), "repeat": ("[4]", "{times: 2, layers: [relu]}"),
    "dropout": ("[4]", "0.2"), "elu": ("[4]", "1"), "channelshuffle": ("[4, 8, 8]", "2"),
}  # fmt: skip
JOINS = ("add", "multiply", "mean", "max", "concat")
NAMES = [
    ("swish", "silu"), ("dense", "linear"), ("fc", "linear"), ("nn.Linear", "linear"), ("bn", "batchnorm"), ("BatchNorm2d", "batchnorm"),
    ("batch_norm", "batchnorm"), ("maxpooling", "maxpool"), ("MaxPool2d", "maxpool"), ("max_pool", "maxpool"), ("avg_pool", "avgpool"),
    ("gap", "globalpool"), ("GlobalAveragePooling2D", "globalpool"), ("AdaptiveAvgPool2d", "adaptivepool"), ("flatten_", "flatten"),
    ("conv2d", "conv"), ("Conv2D", "conv"), ("torch.nn.Conv3d", "conv"), ("convolution", "conv"), ("deconv", "convtranspose"),
    ("conv_transpose", "convtranspose"), ("ConvTranspose2d", "convtranspose"), ("dropout2d", "spatialdropout"), ("Dropout", "dropout"),
    ("stack", "concat"), ("cat", "concat"), ("concatenate", "concat"), ("sum", "add"), ("plus", "add"), ("mul", "multiply"),
    ("product", "multiply"), ("LeakyReLU", "leakyrelu"), ("leaky_relu", "leakyrelu"), ("ReLU6", "relu6"), ("h_swish", "hardswish"),
    ("GroupNorm", "groupnorm"), ("LayerNorm", "layernorm"), ("MultiheadAttention", "attention"), ("UpsamplingNearest2d", "upsample"),
    ("ZeroPadding2D", "pad"), ("F.softmax", "softmax"), ("Identity", "identity"), ("ChannelShuffle", "channelshuffle"),
]  # fmt: skip
FIELDS = [
    ("conv", "filters", "out"), ("conv", "out_channels", "out"), ("linear", "out_features", "out"), ("linear", "units", "out"),
    ("conv", "kernel_size", "kernel"), ("conv", "ksize", "kernel"), ("conv", "strides", "stride"), ("maxpool", "pool_size", "kernel"),
    ("conv", "dilation_rate", "dilation"), ("conv", "num_groups", "groups"), ("groupnorm", "num_groups", "groups"),
    ("conv", "use_bias", "bias"), ("dropout", "rate", "p"), ("dropout", "prob", "p"), ("batchnorm", "epsilon", "eps"),
    ("leakyrelu", "negative_slope", "slope"), ("leakyrelu", "alpha", "slope"), ("attention", "num_heads", "heads"),
    ("attention", "n_heads", "heads"), ("softmax", "dim", "axis"), ("concat", "dim", "axis"), ("upsample", "scale_factor", "scale"),
    ("adaptivepool", "output_size", "size"), ("embedding", "num_embeddings", "vocabulary"), ("embedding", "embedding_dim", "width"),
    ("maxpool", "ceil_mode", "ceil"), ("slice", "end", "stop"), ("permute", "dims", "axes"), ("reshape", "shape", "sizes"),
    ("batchnorm", "track_running_stats", "track"), ("conv", "kernel_initializer", "init"), ("conv", "bias_initializer", "bias_init"),
    ("layernorm", "elementwise_affine", "affine"), ("flatten", "start_dim", "start"), ("pad", "padding", "size"),
]  # fmt: skip


def spec(layer: str, size: str = "[4, 8, 8]") -> str:
    return f"name: a\ninput: {size}\nstages:\n  one: {layer}\n"


def errors(text: str | Source) -> list[archspec.Diagnostic]:
    return [found for found in archspec.check(text) if found.severity == "error"]


def use(word: str, target: str) -> str:
    """A use of `word` with the arguments of `target`."""
    if target in JOINS:
        return spec(f"{{{word}: [identity, relu]}}")
    if target == "matmul":
        return spec(f"[bundle: [identity, relu], {word}]", "[4, 4]")
    if target == "split":
        return spec(f"[{word}: [2, 2], add: input, conv: 2]").replace("add: input", "concat: input") + "output: one\n"
    if target == "parameter":
        return spec(f"{{add: [identity, {{{word}: [4, 8, 8]}}]}}")
    size, argument = USES.get(target, ("[4, 8, 8]", ""))
    return spec(f"{{{word}: {argument}}}" if argument else word, size)


def suggested(help: str | None) -> str | None:
    found = re.fullmatch(r"did you mean '(\w+)'\?", help or "")
    return found[1] if found else None


@pytest.mark.parametrize(
    ("word", "target"), [*NAMES, *((word, target) for word, target in foreign_words.OPS.items() if target != "split")]
)
def test_the_word_for_a_layer_is_named_and_works_in_its_place(word: str, target: str) -> None:
    assert target in BY_WORD or target in ITERATORS
    (found, *_) = errors(use(word, target))
    assert suggested(found.help) == target
    assert errors(use(target, target)) == []


@pytest.mark.parametrize("word", foreign_words.FORMS)
def test_code_that_is_suggested_is_a_network(word: str) -> None:
    (found,) = errors(spec(word))
    assert found.help is not None
    code = found.help.removeprefix("write ").partition("; ")[0].replace("…", "4")
    size = "[4]" if code.startswith("[linear") else "[4, 8, 8]"
    assert errors(spec(code if code.startswith("[") else f"[{code}]", size)) == []


@pytest.mark.parametrize("word", sorted([*foreign_words.ACTIVATIONS, *foreign_words.MISSING]))
def test_what_there_is_not_is_said_and_nothing_else_is_suggested(word: str) -> None:
    assert word not in {foreign_advice.normalize_word(known) for known in BY_WORD}
    assert word not in foreign_words.OPS
    (found,) = errors(spec(word))
    assert found.help is not None
    assert "did you mean" not in found.help


def test_mish_is_answered_with_what_there_is() -> None:
    (found,) = errors(spec("[conv: 8, Mish]"))
    assert found.help is not None
    assert found.help.startswith("there is no Mish; the activations are relu, relu6, leakyrelu")


@pytest.mark.parametrize(("op", "name", "field"), FIELDS)
def test_the_name_of_an_argument(op: str, name: str, field: str) -> None:
    given = f"{{{op}: [identity], with: {{{name}: 1}}}}" if op == "concat" else f"{{{op}: {{{name}: 1}}}}"
    found = next(found for found in errors(spec(given)) if found.message == f"{op} has no argument {name!r}")
    assert suggested(found.help) == field
    corrected = errors(spec(given.replace(f"{name}:", f"{field}:")))
    assert not any("has no argument" in found.message for found in corrected)


def test_whatever_is_suggested_for_an_argument_is_one_of_the_op() -> None:
    for op in BY_WORD.values():
        for name in (*foreign_words.FIELDS, *foreign_words.LEFT_OUT):
            if name in op.model_fields:
                continue
            word = suggested(foreign_advice.advise_argument(name, op.model_fields, op=True))
            assert word is None or word in op.model_fields


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("{conv: {out: 8, in_channels: 4}}", "the width of the input is known: leave it out"),
        ("{relu: {inplace: true}}", "what is done in place is decided when the network is built: leave it out"),
        ("{conv: {out: 8, activation: relu}}", "an activation is a layer of its own, as in [conv: 8, relu]"),
        ("{conv: {out: 8, name: stem}}", "the name stands beside the word, as in {conv: 8, as: name}"),
        ("{dropout: {keep_prob: 0.8}}", "p is the probability of dropping, 1 less the one of keeping: p: 0.5"),
        ("{conv: {out: 8, padding: valid}}", "without padding it is 0"),
        ("{conv: {out: 8, padding: SAME}}", "did you mean 'same'?"),
        ("{globalpool: mean}", "did you mean 'avg'?"),
        ("{conv: {out: 8, init: {kind: he_normal}}}", "did you mean 'kaiming_normal'?"),
        ("{repeat: {n: 3, layers: [relu]}}", "did you mean 'times'?"),
        ("{repeat: {times: 3, body: [relu]}}", "did you mean 'layers'?"),
    ],
)
def test_arguments_and_options(layer: str, said: str) -> None:
    assert said in [found.help for found in errors(spec(layer))]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("layers", "stages"),
        ("backbone", "stages"),
        ("parameters", "args"),
        ("input_shape", "input"),
        ("author", "source"),
        ("inherits", "extends"),
        ("modules", "blocks"),
    ],
)
def test_the_keys_of_a_spec(key: str, meant: str) -> None:
    found = next(
        found for found in errors(f"name: a\ninput: [3]\n{key}: x\nstages: {{one: relu}}\n") if key in found.message
    )
    assert suggested(found.help) == meant


@pytest.mark.parametrize("word", BY_WORD)
def test_a_letter_too_many_is_answered_with_the_word(word: str) -> None:
    (found, *_) = errors(spec(f"{{{word}{word[-1]}: 4}}"))
    assert suggested(found.help) == word


def test_in_defaults_only_ops_are_suggested() -> None:
    for word in (*foreign_words.OPS, *foreign_words.FORMS, *foreign_words.MISSING, "repeatt"):
        word_suggested = suggested(foreign_advice.advise_op(word))
        assert word_suggested is None or word_suggested in BY_WORD


def test_long_lists_are_counted_and_never_called_none() -> None:
    arguments = ", ".join(f"w{number}x: {number}" for number in range(30))
    text = f"name: a\ninput: [3]\nargs: {{{arguments}}}\nstages: {{one: {{linear: {' + '.join(f'w{n}x' for n in range(30))}}}}}\n"
    with pytest.raises(archspec.SpecError) as refused:
        archspec.load(text, foo=3)
    (found,) = refused.value.diagnostics
    assert found.help is not None
    assert found.help.startswith("there are 30, among them w0x, ")
    with pytest.raises(archspec.SpecError, match="there is classes, groups, base"):
        archspec.load("resnet50", foo=3)
    with pytest.raises(archspec.SpecError, match="a takes no arguments"):
        archspec.load("name: a\ninput: [3]\nstages: {one: relu}\n", foo=3)


WORD = re.compile(r"(?<![\w.-])[a-z_]{4,}(?![\w.-])")
READ = ("resnet50", "densenet121", "googlenet", "fractalnet20", "cifar_resnet20_A", "unet", "mobilenet_v2", "vit_b_16")


def misspelt(name: str, count: int) -> Iterator[tuple[str, str, archspec.Diagnostic]]:
    """Errors for words of a bundled spec without one letter: the word, the misspelt word, and the error."""
    rng = random.Random(name)
    path = bundled.find_bundled_folder() / f"{name}.yaml"
    text = re.sub(
        r"^(?:expect|source|name|extends):.*(?:\n .*)*|#.*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    words = list(WORD.finditer(text))
    for word in rng.sample(words, min(count, len(words))):
        gap = word.start() + rng.randrange(1, len(word[0]) - 1)
        wrong = text[: word.end()].count("\n") + 1, word.start() - text.rfind("\n", 0, word.start())
        for found in errors(Source(str(path), f"name: a\n{text[:gap]}{text[gap + 1 :]}")):
            if (found.span.line - 1, found.span.column) == wrong:
                yield word[0], text[word.start() : gap] + text[gap + 1 : word.end()], found


@pytest.mark.parametrize("name", READ)
def test_a_missing_letter_is_answered_with_the_word(name: str) -> None:
    answers = list(misspelt(name, 12))
    assert answers, "some of the words are no names"
    for word, wrong, found in answers:
        assert suggested(found.help) in (word, None), (wrong, found.message)
