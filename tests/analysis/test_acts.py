"""The activations of Dollár et al. 2021 (arXiv:2103.06877); tests/test_ledger.py compares those of networks with pycls."""

from __future__ import annotations

import archspec


def test_acts_of_attention_are_those_of_its_projections_and_of_each_head() -> None:
    """As in `MultiheadAttention.complexity` of pycls: 3·d·n + h·n² + d·n + d·n."""
    arch = archspec.load("{name: a, input: [5, 8], stages: {attention: {attention: 2}}}")
    assert arch.acts == 3 * 8 * 5 + 2 * 5 * 5 + 8 * 5 + 8 * 5
