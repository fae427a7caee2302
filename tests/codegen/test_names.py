"""The list of reserved names, compared with the installed torch."""

from __future__ import annotations

import keyword

import pytest
from torch import fx, nn

from archspec.codegen.fx import build
from archspec.spec.reserved_names import RESERVED
from tests.hand import residual
from tests.processes import run_python


def test_every_attribute_of_a_graph_module_is_reserved() -> None:
    model = build(residual((1,)))
    plain = fx.GraphModule(nn.Module(), fx.Graph())
    own = {"conv1", "bn1", "relu", "layer1", "avgpool", "fc"}
    patched = {name for name in dir(nn.Module) if name.startswith("___")}  # added by torch.compile, if it has run
    assert set(dir(plain)) - patched - RESERVED == set()
    assert set(dir(model)) - patched - own - RESERVED == set()


def test_every_keyword_is_reserved() -> None:
    assert set(keyword.kwlist) <= RESERVED


@pytest.mark.parametrize(
    "name", ["weight", "bias", "conv1", "relu", "head", "norm", "block", "input", "output", "features"]
)
def test_names_of_the_field_are_free(name: str) -> None:
    assert name not in RESERVED


@pytest.mark.parametrize("name", ["forward", "train", "code", "graph", "training", "half", "type", "_modules"])
def test_torch_refuses_a_module_of_a_reserved_name(name: str) -> None:
    assert name in RESERVED
    with pytest.raises(KeyError, match="already exists"):
        fx.GraphModule(nn.Module(), fx.Graph()).add_module(name, nn.ReLU())


def test_the_list_needs_no_torch() -> None:
    code = "import sys, archspec.spec.reserved_names; sys.exit('torch' in sys.modules)"
    assert run_python("-c", code).returncode == 0
