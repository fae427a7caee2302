"""Networks that are small enough to try every path of."""

from __future__ import annotations

import pytest

import archspec
from archspec.backends.torch import build
from archspec.experiments.data import Data, load
from archspec.experiments.lesions import Patient

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
    return load("digits", row.network)


@pytest.fixture(scope="session")
def patient(row: archspec.Architecture, digits: Data) -> Patient:
    return Patient("row", row.network, build(row.network).state_dict(), digits)
