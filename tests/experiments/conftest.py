"""Networks that are small enough to test every path."""

from __future__ import annotations

import pytest

import archspec
from archspec.codegen.fx import build
from archspec.experiments.data import Data
from archspec.experiments.lesions import TrainedNetwork
from archspec.experiments.sources import load_data

ROW = """\
name: row
input: [1, 8, 8]
args: {act: relu, norm: batchnorm}
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit: {args: {act: layer, norm: layer}, layers: [add: [[norm, act, {conv: {out: channels, kernel: 3}}], identity]]}
stages:
  stem: {conv: {out: 4, kernel: 3}}
  body: [repeat: {times: 4, layers: [unit: {act: act, norm: norm}]}]
  pool: globalpool
  fc: {linear: 10}
"""

PLAIN = """\
name: plain
input: [1, 8, 8]
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit: {layers: [batchnorm, relu, {conv: {out: channels, kernel: 3}}]}
stages:
  stem: {conv: {out: 4, kernel: 3}}
  body: [repeat: {times: 3, layers: [unit]}]
  pool: globalpool
  fc: {linear: 10}
"""


@pytest.fixture(scope="session")
def row() -> archspec.Architecture:
    return archspec.load(ROW)


@pytest.fixture(scope="session")
def plain() -> archspec.Architecture:
    return archspec.load(PLAIN)


@pytest.fixture(scope="session")
def digits(row: archspec.Architecture) -> Data:
    return load_data("digits", row.graph)


@pytest.fixture(scope="session")
def patient(row: archspec.Architecture, digits: Data) -> TrainedNetwork:
    return TrainedNetwork("row", row.graph, build(row.graph).state_dict(), digits)
