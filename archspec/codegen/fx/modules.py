"""Modules that torch lacks."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016, arXiv:1603.09382, equations 2 and 5): drops a residual branch as a whole.

    With the survival probability q = 1 - p and b ~ Bernoulli(q), drawn for each sample (`mode="row"`) or once for the
    minibatch (`mode="batch"`):

    - `rescale="train"`: x · b / q in training, x in evaluation, as dropout scales;
    - `rescale="test"`: x · b in training, x · q in evaluation, as the paper has it.

    The two are equal in expectation. Takes a tensor of any shape whose first axis is the batch, and returns one of that
    shape. With p = 1 the branch is always dropped.

    In a built network, a branch that enters a sum and is dropped for the whole minibatch is not computed, as in the paper's
    implementation: its batch normalisations keep their running statistics, its weights get no gradient (None, so that an
    optimiser leaves them alone; DistributedDataParallel needs `find_unused_parameters=True`), and hooks inside it are not
    called. The draw is one number of torch's CPU generator, so that no device is waited for. Where Python cannot choose (under
    `torch.compile`, `torch.export`, `torch.fx.symbolic_trace`, `torch.jit.trace`, or interpreted node by node) every branch is
    computed and multiplied by b: the same distribution, without the saving.

    Raises:
        ValueError: `p` is not a probability.

    >>> DropPath(0.5, rescale="test").eval()(torch.ones(2, 3))
    tensor([[0.5000, 0.5000, 0.5000],
            [0.5000, 0.5000, 0.5000]])
    """

    def __init__(
        self,
        p: float,
        mode: Literal["row", "batch"] = "row",
        rescale: Literal["train", "test"] = "train",
    ) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be a probability, got {p}")
        if mode not in ("row", "batch"):
            raise ValueError(f"mode must be row or batch, got {mode!r}")
        if rescale not in ("train", "test"):
            raise ValueError(f"rescale must be train or test, got {rescale!r}")
        self.p, self.mode, self.rescale = p, mode, rescale

    def draw(self, like: Tensor) -> bool | None:
        """Whether the branch of this minibatch is kept; None where nothing is dropped, or not by Python.

        `like` is a tensor that is computed with.
        """
        if not self.training or self.p == 0.0 or self.mode != "batch":
            return None
        # torch.jit.script leaves out what is inside
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            traced = torch.compiler.is_compiling() or torch._C._get_tracing_state()
            if traced or type(like) not in _PLAIN:
                return None
        return bool(torch.rand(1, dtype=torch.float64, device="cpu") >= self.p)

    def forward(self, x: Tensor, kept: bool | None = None) -> Tensor:
        """`kept` is what `draw` gave, if it was called; if that is False, x holds zeros already."""
        survival = 1.0 - self.p
        if not self.training:
            return x * survival if self.rescale == "test" and self.p else x
        if self.p == 0.0 or kept is False:
            return x
        if kept is None:
            kept = self.draw(x)
        scale = 1.0 / survival if self.rescale == "train" and survival else 1.0
        if kept is not None:
            return x if kept and scale == 1.0 else x * (scale if kept else 0.0)
        drawn = x.shape[0] if self.mode == "row" else 1
        mask = x.new_empty([drawn] + [1] * (x.dim() - 1)).bernoulli_(survival)
        return x * (mask * scale)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}, rescale={self.rescale}"


class StandardisedConv2d(nn.Conv2d):
    """A convolution whose kernel has mean 0 and variance 1 for each output channel (Qiao et al. 2019, arXiv:1903.10520).

    With `gamma` it is that of Brock et al. 2021 (arXiv:2101.08692, equation 1): multiplied by a learned gain for each output channel
    and by gamma / sqrt(elements of a kernel). The variance is that of all elements, and `eps` is added to it.

    >>> conv = StandardisedConv2d(2, 3, 3)
    >>> conv(torch.zeros(1, 2, 3, 3)).shape
    torch.Size([1, 3, 1, 1])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
        eps: float = 1e-6,
        gamma: float | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.eps, self.gamma = eps, gamma
        if gamma is not None:
            ones = torch.ones(out_channels, 1, 1, 1, device=device, dtype=dtype)
            self.gain = nn.Parameter(ones)

    def forward(self, input: Tensor) -> Tensor:
        factor = None
        if self.gamma is not None:
            scale = self.gamma * self.weight[0].numel() ** -0.5
            factor = (self.gain * scale).view(-1)
        flat = self.weight.reshape(1, self.out_channels, -1)
        norm = nn.functional.batch_norm
        standard = norm(flat, None, None, factor, None, True, 0.0, self.eps)
        kernel = standard.reshape_as(self.weight)
        made: Tensor = self._conv_forward(input, kernel, self.bias)
        return made


def fill_weight(module: nn.Module, function: str, **arguments: float | str) -> nn.Module:
    """Fills the weight of a module by a function of torch.nn.init, before it is parametrized; returns the module.

    >>> fill_weight(nn.Linear(2, 1), "constant_", val=3.0).weight
    Parameter containing:
    tensor([[3., 3.]], requires_grad=True)
    """
    getattr(nn.init, function)(module.weight, **arguments)
    return module


class DotProductAttention(nn.Module):
    """Scaled dot product attention (Vaswani et al. 2017) with weights that are dropped in training.

    Takes queries, keys and values [batch, …, tokens, features], and what is added to the scores.

    >>> x = torch.randn(2, 4, 8)
    >>> DotProductAttention(0.5).eval()(x, x, x).shape
    torch.Size([2, 4, 8])
    """

    def __init__(
        self, dropout: float, is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False
    ) -> None:
        super().__init__()
        self.dropout, self.is_causal, self.scale, self.enable_gqa = dropout, is_causal, scale, enable_gqa

    def forward(self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        return nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.is_causal,
            scale=self.scale,
            enable_gqa=self.enable_gqa,
        )

    def extra_repr(self) -> str:
        return f"dropout={self.dropout}, is_causal={self.is_causal}"


class RotaryPositions(nn.Module):
    """Rotates pairs of features by place · base^(-2i / features) (Su et al. 2021, arXiv:2104.09864, equation 34).

    Takes and returns [batch, …, tokens, features]. The pairs are the features i and i + features / 2, or 2i and 2i + 1 if `interleaved`.

    >>> RotaryPositions(tokens=2, features=2)(torch.ones(2, 2))
    tensor([[ 1.0000,  1.0000],
            [-0.3012,  1.3818]])
    """

    def __init__(self, tokens: int, features: int, base: float = 10000.0, interleaved: bool = False) -> None:
        super().__init__()
        self.tokens, self.features, self.base, self.interleaved = tokens, features, base, interleaved
        rates = base ** (-torch.arange(0, features, 2).float() / features)
        angles = torch.arange(tokens).float().unsqueeze(1) * rates
        self.cos = nn.Buffer(angles.cos(), persistent=False)
        self.sin = nn.Buffer(angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.interleaved:
            first, second = x[..., 0::2], x[..., 1::2]
        else:
            first, second = x.chunk(2, dim=-1)
        turned = (first * self.cos - second * self.sin, second * self.cos + first * self.sin)
        return torch.stack(turned, dim=-1).flatten(-2) if self.interleaved else torch.cat(turned, dim=-1)

    def extra_repr(self) -> str:
        return f"tokens={self.cos.shape[0]}, features={2 * self.cos.shape[1]}, interleaved={self.interleaved}"


_PLAIN = (Tensor, nn.Parameter)
"""Tensors that have values to compute with: no proxies, no fakes."""
