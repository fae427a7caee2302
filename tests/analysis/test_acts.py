"""The activations of Dollár et al. 2021 (arXiv:2103.06877), compared with pycls."""

from __future__ import annotations

import pytest

import archspec

PYCLS = {
    "resnet50": (25_557_032, 4_089_185_256, 11_315_688),
    "resnet101": (44_549_160, 7_801_406_440, 16_433_640),
    "resnet152": (60_192_808, 11_513_627_624, 22_755_816),
    "resnext50_32x4d": (25_028_904, 4_230_480_872, 14_602_216),
    "resnext101_32x4d": (44_177_704, 7_969_997_800, 21_426_152),
}
"""Parameters, FLOPs and activations in `dev/model_complexity.json` of facebookresearch/pycls."""


@pytest.mark.parametrize("spec", PYCLS)
def test_the_numbers_are_those_that_pycls_publishes(spec: str) -> None:
    arch = archspec.load(spec)
    assert (arch.params, arch.count("pycls"), arch.acts) == PYCLS[spec]


def test_acts_of_attention_are_those_of_its_projections_and_of_each_head() -> None:
    """As in `MultiheadAttention.complexity` of pycls: 3·d·n + h·n² + d·n + d·n."""
    arch = archspec.load("{name: a, input: [5, 8], stages: {attention: {attention: 2}}}")
    assert arch.acts == 3 * 8 * 5 + 2 * 5 * 5 + 8 * 5 + 8 * 5
