"""Names the kinds of work that tools count."""

from __future__ import annotations

KINDS = {
    "conv": "multiply-accumulates of convolutions",
    "transposed conv": "multiply-accumulates of transposed convolutions",
    "linear": "multiply-accumulates of linear layers",
    "projection": "multiply-accumulates of the projections of attention",
    "score": "multiply-accumulates of queries with keys and of their weights with values",
    "matmul": "multiply-accumulates of other products of matrices",
    "conv bias": "additions of biases in convolutions",
    "linear bias": "additions of biases in linear layers",
    "projection bias": "additions of biases in the projections of attention",
    "batchnorm": "elements that batch normalisation scales and shifts",
    "plain batchnorm": "elements of batch normalisation without factors",
    "layernorm": "elements that layer normalisation scales and shifts",
    "plain layernorm": "elements of layer normalisation without factors",
    "groupnorm": "elements that group normalisation scales and shifts",
    "plain groupnorm": "elements of group normalisation without factors",
    "instancenorm": "elements that instance normalisation, or batch normalisation without statistics, scales and shifts",
    "plain instancenorm": "the same without factors",
    "relu": "elements of ReLU",
    "leakyrelu": "elements of leaky ReLU",
    "prelu": "elements of PReLU",
    "elu": "elements of ELU",
    "gelu": "elements of GELU",
    "silu": "elements of SiLU",
    "softmax": "elements of softmax",
    "softmax sums": "sums of softmax, one for each row",
    "maxpool inputs": "elements that max pools read",
    "avgpool inputs": "elements that average pools read",
    "avgpool outputs": "elements that average pools write",
    "global pool inputs": "elements that adaptive average pools over images read",
    "other global pool inputs": "elements that adaptive average pools over sequences and volumes read",
    "global pool outputs": "elements that adaptive average pools write",
    "global maxpool inputs": "elements that adaptive max pools read",
    "nearest upsampling": "elements of nearest upsampling over images",
    "other nearest upsampling": "elements of nearest upsampling over sequences and volumes",
    "linear upsampling": "elements of linear upsampling",
    "bilinear upsampling": "elements of bilinear upsampling",
    "bicubic upsampling": "elements of bicubic upsampling",
    "trilinear upsampling": "elements of trilinear upsampling",
    "places of an upsampling to a size": "places of upsampling whose size is given, without channels",
    "upsampling by a factor": "elements of upsampling whose factor is given",
    "conv outputs": "elements that convolutions write",
    "linear outputs": "elements that linear layers and products of matrices write",
    "projection outputs": "elements that the projections of attention write",
    "transposed conv, by its outputs": "outputs of transposed convolutions × kernel × inputs of a group",
}
"""What an amount of each kind is."""

MACS = ("conv", "transposed conv", "linear", "projection", "score", "matmul")
"""The kinds whose sum is the MACs."""
