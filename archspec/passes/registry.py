"""The registry of passes, imported only by what rewrites networks."""

from __future__ import annotations

from archspec.passes.contract import Pass
from archspec.passes.drop_path import drop_path
from archspec.passes.elide import elide
from archspec.passes.features import features
from archspec.passes.fold_batchnorm import fold_batchnorm, fold_batchnorm_forward
from archspec.passes.fuse_preactivation import fuse_preactivation
from archspec.passes.grouped_paths import grouped_paths
from archspec.passes.lesion import lesion
from archspec.passes.merge_convs import merge_convs
from archspec.passes.move_biases import move_biases
from archspec.passes.pool_first import pool_first
from archspec.passes.remove_parametrizations import remove_parametrizations
from archspec.passes.separate_paths import separate_paths
from archspec.passes.stochastic_depth import stochastic_depth

PASSES: tuple[Pass, ...] = (
    *(stochastic_depth, drop_path, grouped_paths, separate_paths, lesion, features),
    *(
        elide,
        remove_parametrizations,
        fold_batchnorm,
        fold_batchnorm_forward,
        fuse_preactivation,
        move_biases,
        pool_first,
        merge_convs,
    ),
)
"""All passes that no back end owns; `Pass.asked_by` says who may ask for each."""

BY_WORD: dict[str, Pass] = {chosen.name: chosen for chosen in PASSES if "spec" in chosen.asked_by}
"""The passes that a spec may ask for, by name."""
