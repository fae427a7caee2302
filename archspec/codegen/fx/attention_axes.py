"""Attention of any number of axes, as torch's ONNX exporter takes it: it has a rule for four axes only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


class WrittenOutAttention(TorchFunctionMode):
    """A context in which attention of other than four axes, as in windows, is written out as products and a softmax.

    >>> values = torch.randn(2, 3, 4, 5, 6)
    >>> with WrittenOutAttention():
    ...     found = scaled_dot_product_attention(values, values, values, is_causal=True)
    >>> torch.allclose(found, scaled_dot_product_attention(values, values, values, is_causal=True), atol=1e-6)
    True
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is scaled_dot_product_attention and args[0].dim() != 4:
            options = {name: value for name, value in (kwargs or {}).items() if name != "dropout_p"}  # 0 in eval mode
            return attend(*args, **options)
        return func(*args, **(kwargs or {}))


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Scaled dot product attention with the arguments of torch's function, without dropout (Vaswani et al. 2017, equation 1)."""
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = (operand.repeat_interleave(times, dim=-3) for operand in (key, value))
    scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
    if is_causal:
        attn_mask = torch.full(scores.shape[-2:], float("-inf"), dtype=scores.dtype, device=scores.device).triu(1)
    if attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(dim=-1) @ value
