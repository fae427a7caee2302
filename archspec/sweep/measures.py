"""What the points of a space are measured for, besides their counts: how fast they run, and how well they learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from archspec import extras
from archspec.json_text import dump_json
from archspec.spec.source_lookup import Spec
from archspec.sweep.store import Row

Device = Annotated[
    str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda, or one card as cuda:1")
]

Threads = Annotated[
    int | None, Field(ge=1, le=1024, description="threads of torch on the CPU; as many as it chooses if absent")
]


class LatencySettings(BaseModel):
    """How latency is measured.

    >>> LatencySettings(batch=8).repeats
    30
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Device = "cpu"
    batch: Annotated[int, Field(ge=1, le=2**20, description="samples that are computed at once")] = 1
    repeats: Annotated[int, Field(ge=3, le=10_000, description="timed runs, of which the median is reported")] = 30
    group: Annotated[int, Field(ge=1, le=1000, description="networks that run in turns")] = 8
    threads: Threads = None


class TrainingSettings(BaseModel):
    """How a network is trained for its test error; what is absent is as in `archspec train`.

    >>> TrainingSettings(epochs=3).data
    'digits'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Annotated[str, Field(min_length=1, description="as --data of archspec train")] = "digits"
    device: Device = "cpu"
    seeds: Annotated[int, Field(ge=1, le=1000, description="trainings of each network, seeded from 0")] = 1
    threads: Threads = None
    recipe: Annotated[str | None, Field(description="the recipe of a paper, as --recipe")] = None
    epochs: Annotated[int | None, Field(ge=1, le=10**6, description="epochs of each training")] = None
    batch: Annotated[int | None, Field(ge=1, le=2**20, description="samples of a step")] = None
    rate: Annotated[float | None, Field(gt=0, description="the highest learning rate")] = None
    decay: Annotated[float | None, Field(ge=0, description="the weight decay")] = None
    optimizer: Annotated[Literal["adamw", "sgd", "nesterov"] | None, Field(description="the optimiser")] = None
    schedule: Annotated[Literal["onecycle", "step", "cosine"] | None, Field(description="of the learning rate")] = None
    augment: Annotated[Literal["none", "crop", "resized-crop"] | None, Field(description="of the images")] = None


Settings = LatencySettings | TrainingSettings


@dataclass(frozen=True)
class Measure:
    """A number that is measured of each point of a space, kept in a table of its own.

    >>> MEASURES["latency"].columns
    ('latency', 'latency_low', 'latency_high', 'latency_note')
    """

    name: str
    settings: type[LatencySettings | TrainingSettings]
    function: str
    """`module:function`, called with a base, points and settings; returns a mapping of the columns for each point."""
    alone: bool
    """Whether nothing else may run at the same time."""
    text: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its table: the number, the bounds of its spread, and where it was measured, or why it was not."""
        return self.name, f"{self.name}_low", f"{self.name}_high", f"{self.name}_note"

    @property
    def table(self) -> dict[str, str]:
        """The kinds of the columns of its table, in which `settings` says how it was measured."""
        number, low, high, note = self.columns
        return {"digest": "text", "settings": "text", number: "float", low: "float", high: "float", note: "text"}

    def size(self, settings: Settings) -> int:
        """How many points are measured together."""
        return settings.group if isinstance(settings, LatencySettings) else 1


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            "latency",
            LatencySettings,
            "archspec.sweep.latency:measure_latency",
            alone=True,
            text="seconds of one run, warm, the median and the quartiles",
        ),
        Measure(
            "test_error",
            TrainingSettings,
            "archspec.sweep.training:train_points",
            alone=False,
            text="the share of test samples that are wrong after a training, the mean and the range over seeds",
        ),
    )
}
"""All measures by name."""

MeasureFunction = Callable[[Spec, Sequence[Mapping[str, Any]], Any], list[Row]]


def measure_points(
    name: str, settings: Settings, spec: Spec, digests: Sequence[str], points: Sequence[Mapping[str, Any]]
) -> list[Row]:
    """The rows of some points in the table of a measure. For another process.

    >>> rows = measure_points("latency", LatencySettings(repeats=3), "highway_mnist_fc10", ["3f9a"], [{"width": 10}])
    >>> rows[0]["digest"], rows[0]["latency"] > 0
    ('3f9a', True)
    """
    function: MeasureFunction = resolve_name(MEASURES[name].function)
    told = describe_settings(settings)
    with _limit_threads(settings.threads):
        rows = function(spec, points, settings)
    return [{"digest": digest, "settings": told, **row} for digest, row in zip(digests, rows, strict=True)]


@contextmanager
def _limit_threads(threads: int | None) -> Iterator[None]:
    if threads is None:
        yield
        return
    torch: Any = extras.load_extra("torch", "a measure", "pip install 'archspec-nn[train]'")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_settings(settings: Settings) -> str:
    """The settings as JSON, by which measurements are told apart.

    >>> describe_settings(TrainingSettings(epochs=3))
    '{"data":"digits","device":"cpu","seeds":1,"epochs":3}'
    """
    return dump_json(settings.model_dump(exclude_none=True))
