"""Tables of the words of other libraries and papers, with their names here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def _iter_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yields (other, word) for each other word of lines `word: other other`."""
    for line in text.strip().splitlines():
        word, _, others = line.partition(":")
        yield from ((other, word.strip()) for other in others.split())


def _parse_table(text: str) -> dict[str, str]:
    return dict(_iter_pairs(text))


def _spread_words(texts: Mapping[str, str]) -> dict[str, str]:
    """Each word with its text, from texts by several words separated by spaces."""
    return {word: text for words, text in texts.items() for word in words.split()}


def _parse_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _parse_fields(text: str) -> dict[str, tuple[str, ...]]:
    """For each other word, the fields of all its lines."""
    fields_of_words: dict[str, tuple[str, ...]] = {}
    for other, fields in _iter_pairs(text):
        fields_of_words[other] = (*fields_of_words.get(other, ()), *fields.split("/"))
    return fields_of_words


OPS: Mapping[str, str] = _parse_table(
    """
    silu: swish swish1 sigmoidlinearunit
    hardswish: hswish
    hardsigmoid: hsigmoid
    relu: rectifier rectifiedlinear rectifiedlinearunit
    leakyrelu: lrelu leaky
    prelu: parametricrelu
    sigmoid: logistic
    linear: dense fc fullyconnected innerproduct ip gemm affine fullconnected
    conv: convolution convolve
    convtranspose: deconv deconvolution transposedconv transposeconv transposedconvolution convtransposed convolutiontranspose
    convtranspose: upconv tconv fractionallystridedconv
    batchnorm: bn batchnormalization batchnormalisation syncbatchnorm syncbn spatialbatchnorm
    groupnorm: gn groupnormalization groupnormalisation
    layernorm: ln layernormalization layernormalisation
    instancenorm: instancenormalization instancenormalisation
    lrn: localresponsenorm localresponsenormalization localresponsenormalisation responsenorm crossmaplrn
    maxpool: maxpooling
    avgpool: avgpooling averagepool averagepooling meanpool meanpooling
    globalpool: gap globalavgpool globalaveragepool globalaveragepooling globalavgpooling globalpooling globalmeanpool
    adaptivepool: adaptiveavgpool adaptiveaveragepool adaptiveavgpooling adaptiveaveragepooling
    spatialdropout: dropout1d dropout2d dropout3d featuredropout channeldropout
    droppath: stochasticdepth
    concat: cat concatenate concatenation stack hstack vstack route depthconcat filterconcat
    add: plus sum addition eltwise eltwisesum eltwiseadd elementwiseadd elementwisesum addn
    multiply: mul prod product multiplication eltwisemul elementwisemul elementwiseproduct hadamard hadamardproduct
    mean: average avg
    max: maximum elementwisemax
    identity: noop nop passthrough id none
    reshape: view unflatten
    permute: transpose swapaxes movedim rearrange dimshuffle
    upsample: upsampling interpolate resize interpolation upsamplingnearest
    split: chunk unbind tensorsplit
    slice: narrow crop cropping slicing
    pad: zeropad zeropadding padding constantpad
    matmul: bmm mm dot batchmatmul
    attention: mha mhsa msa selfattention multiheadattention multiheadselfattention multihead attn
    embedding: embed wordembedding tokenembedding lookuptable
    parameter: weight variable learnable
    repeat: loop for foreach
    sin: sine
    rmsnorm: rms rmsnormalization rmslayernorm t5layernorm
    """
)
"""Words that mean one op, or an iterator."""

FORMS: Mapping[str, str] = _spread_words(
    {
        "depthwiseconv dwconv depthwise depthwiseconvolution": "conv: {out: channels, groups: channels, kernel: 3, padding: same}",
        "pointwiseconv pointwise pwconv conv1x1": "conv: {out: …, kernel: 1}",
        "conv3x3": "conv: {out: …, kernel: 3, padding: same}",
        "conv5x5": "conv: {out: …, kernel: 5, padding: same}",
        "conv7x7": "conv: {out: …, kernel: 7, padding: same}",
        "separableconv sepconv depthwiseseparableconv": "[conv: {out: channels, groups: channels, kernel: 3, padding: same}, conv: …]",
        "groupconv groupedconv": "conv: {out: …, groups: …, kernel: 3, padding: same}",
        "dilatedconv atrousconv": "conv: {out: …, kernel: 3, dilation: 2, padding: same}",
        "reflectionpad": "conv: {out: …, kernel: 3, padding: 1, padding_mode: reflect}",
        "replicationpad": "conv: {out: …, kernel: 3, padding: 1, padding_mode: replicate}",
        "gmp globalmaxpool globalmaxpooling": "globalpool: max",
        "adaptivemaxpool": "adaptivepool: {size: …, kind: max}",
        "upsamplingbilinear": "upsample: {scale: 2, mode: bilinear}",
        "geluapproximate gelunew gelutanh": "gelu: tanh",
        "mlp feedforward ffn": "[linear: …, gelu, linear: …]",
        "sequential seq modulelist": "[conv: …, batchnorm, relu]; layers in order are a list, and `sequential: […]` is one with a number for its name",
        "moduledict": "layers: {conv1: {conv: …}, relu1: relu}",
        "residual skipconnection": "add: [[conv: channels, relu], identity]",
        "parallel branches": "concat: [conv: …, conv: …]",
        "se seblock selayer squeezeexcite squeezeexcitation": "multiply: [identity, [globalpool, linear: 4, relu, linear: …, sigmoid]]",
        "pool pooling": "maxpool: 2; the mean is avgpool: 2",
        "norm normalization": "batchnorm; the others are groupnorm, layernorm, instancenorm, lrn",
        "activation act": "relu; docs/ops.md has the others",
    }
)
"""Words that are written here with arguments or as several layers: the text to write, and an optional remark."""

ACTIVATIONS: frozenset[str] = _parse_words(
    """
    mish softplus softsign celu glu geglu swiglu reglu rrelu threshold hardtanh hardshrink softshrink tanhshrink logsigmoid
    logsoftmax softmin quickgelu squaredrelu snake aconc metaacon frelu crelu relu2 elish maxout square
    """
)
"""Activations that do not exist here."""

MISSING: Mapping[str, str] = _spread_words(
    {
        "lstm gru rnn lstmcell grucell": "there is no recurrent layer; `archspec list lstm` shows a cell made of linear, split and multiply",
        "alphadropout": "there is no alpha dropout; dropout drops elements, spatialdropout channels, droppath whole branches",
        "dropblock": "there is no DropBlock; dropout drops elements, spatialdropout channels, droppath whole branches",
        "dropconnect": "weights are not dropped here; dropout drops elements, spatialdropout channels, droppath whole branches",
        "pixelshuffle depthtospace subpixel": "there is no pixel shuffle; upsample repeats or interpolates, convtranspose learns",
        "maxunpool unpool": "there is no unpooling; upsample repeats or interpolates, convtranspose learns",
        "sub subtract": "there is no subtraction; add: [a, [b, scale: -1]] is a - b",
        "rope rotaryembedding": "rotary turns the queries and keys that splitheads makes",
        "lambda": "a spec is data and holds no code; docs/ops.md lists the ops",
        "weightnorm spectralnorm": "weights are not normalised here; the normalisations are batchnorm, groupnorm, layernorm, instancenorm",
        "if switch cond": "a spec has no conditions; what differs is an argument, or a spec that extends another",
    }
)
"""Advice for words of things that do not exist here."""

FIELDS: Mapping[str, tuple[str, ...]] = _parse_fields(
    """
    out/width: filters outchannels outfeatures features units numfilters nfilters numoutput numoutputs outputs outputdim outdim
    out/width: width dim channels cout planes outplanes hidden hiddensize outsize nodes neurons embeddingdim embeddim
    out/width/heads/groups/columns/vocabulary: n num
    kernel: kernelsize ksize k filtersize kernelshape window windowsize poolsize receptivefield
    kernel/sizes/shape: size
    stride: strides step subsample s
    padding/size: pad pads paddings padding
    dilation/p: rate
    dilation: dilationrate dilations atrous atrousrate
    groups: numgroups ngroups group cardinality g
    bias: usebias withbias hasbias biasterm qkvbias
    init: kernelinitializer weightinit initializer weightsinit weightinitializer gammainitializer initialization initvalue
    bias_init: biasinitializer betainitializer
    eps: epsilon varianceepsilon varepsilon
    momentum: bnmomentum
    affine: elementwiseaffine learnable
    track: trackrunningstats trackstats runningstats
    p: prob probability dropprob droprate ratio dropoutrate dropoutratio dropoutprob dropout percent
    slope: negativeslope alpha leak
    size: outputsize outsize targetsize newsize
    scale: scalefactor factor upscalefactor
    mode: interpolation method resample
    axis/axes: dim dims axis
    axes/axis: order perm permutation
    start: startdim begin first
    stop: end last
    heads: numheads nheads nhead numhead head h
    dropout: attndrop attndropout dropoutp attentiondropout p rate
    vocabulary: numembeddings vocabsize numtokens vocab inputdim tokens
    ceil: ceilmode
    count_include_pad: countincludepadding includepad includepadding
    sizes: splitsize splitsizes sections chunks parts shape newshape targetshape splitsizeorsections
    shape: sizes
    kind: type mode reduction op
    value: constant fill fillvalue
    approximate: approximation
    transpose: transposeb transb
    shared: sharedaxes
    """
)
"""Arguments of ops, with the fields that they may stand for, the likeliest first."""

LEFT_OUT: Mapping[str, str] = _spread_words(
    {
        "inchannels infeatures inputchannels inputfeatures numfeatures numchannels inplanes cin inputshape inputsize": "the width of the input is known: leave it out",
        "normalizedshape": "the sizes are known; axes says how many of the last ones are normalised: axes: 1",
        "inplace": "what is done in place is decided when the network is built: leave it out",
        "device dtype": "this is an argument of build, not of a layer: leave it out",
        "activation act activationfn nonlinearity": "an activation is a layer of its own, as in [conv: 8, relu]",
        "norm normlayer": "a normalisation is a layer of its own, as in [conv: 8, batchnorm]",
        "name": "the name stands beside the word, as in {conv: 8, as: name}",
        "batchfirst dataformat returnindices trainable requiresgrad training": "there is no such choice: leave it out",
        "keepprob survival survivalprob": "p is the probability of dropping, 1 less the one of keeping: p: 0.5",
        "enddim": "all axes from start on become one: leave it out",
    }
)
"""Arguments of ops that do not exist here, with advice."""

VALUES: Mapping[str, str] = _spread_words(
    {
        "valid": "without padding it is 0",
        "average mean": "did you mean 'avg'?",
        "maximum": "did you mean 'max'?",
        "constant": "did you mean 'zeros'?",
        "symmetric": "did you mean 'reflect'?",
        "wrap": "did you mean 'circular'?",
        "edge": "did you mean 'replicate'?",
        "he henormal kaiming msra": "did you mean 'kaiming_normal'?",
        "heuniform": "did you mean 'kaiming_uniform'?",
        "xavier glorot": "did you mean 'xavier_uniform'?",
        "glorotnormal": "did you mean 'xavier_normal'?",
        "glorotuniform": "did you mean 'xavier_uniform'?",
        "truncatednormal": "did you mean 'trunc_normal'?",
        "gaussian randomnormal": "did you mean 'normal'?",
        "bicubicinterpolation": "did you mean 'bicubic'?",
    }
)
"""Words of options, with the options here; advice names only those that the field takes."""

NOTHING: Mapping[tuple[str, str], str] = {
    ("batchnorm", "momentum"): "there is no cumulative average, which is momentum=None in torch",
    ("instancenorm", "momentum"): "there is no cumulative average, which is momentum=None in torch",
}
"""Advice for fields that are None in other libraries."""

KEYS: Mapping[str, Mapping[str, str]] = {
    "a spec": _parse_table(
        """
        stages: layers backbone head model network net architecture body
        args: parameters params arguments hyperparameters hyperparams variables config vars
        input: inputshape inputsize inshape imagesize imgsize
        name: title id
        source: paper author reference citation url
        extends: inherits base parent include from inherit extend
        blocks: modules definitions functions macros defs
        expect: expected tests assert asserts
        passes: transforms rewrites
        defaults: default
        """
    ),
    "a block": _parse_table(
        "layers: body stages layer modules\n args: arguments params parameters\n outputs: returns output\n inputs: input"
    ),
    "an iterator": _parse_table(
        """
        times: n count number repeats num turns repeat depth
        layers: body block layer module blocks
        index: i var variable counter
        name: prefix names
        share: shared tied tie sharing
        start: begin first from
        """
    ),
}
"""Keys of a spec, a block and an iterator."""
