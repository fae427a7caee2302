"""Reads the claims, which are data: one YAML file for each topic, in the order of `TOPICS`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FOLDER = Path(__file__).parent / "topics"
TOPICS = (
    "plain",
    "gates",
    "resnet",
    "unravelled",
    "preactivation",
    "stochastic_depth",
    "wide",
    "resnext",
    "densenet",
    "fractal",
    "fusion",
    "dual_path",
)
"""The files of claims in the order of the page: each topic builds on those before it."""

Verdict = Literal["holds", "imprecise", "wrong", "left open", "not verified"]
"""What became of a claim; a claim that is left open had a blank where the value was to be, or asks for it."""

Text = Annotated[str, Field(min_length=1)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Demonstration(_Data):
    """A command or a few lines of Python, and what their output must contain for the verdict to stand.

    >>> Demonstration(run="count-paths resnet18", find=("256",)).text
    'archspec count-paths resnet18'
    """

    run: Text | None = None
    """A command line without the word `archspec`."""
    python: Text | None = None
    find: tuple[Text, ...]
    """Texts of the output on which the verdict rests."""
    needs: tuple[Text, ...] = ()
    """The optional packages that the Python imports."""

    @model_validator(mode="after")
    def _has_one_way(self) -> Demonstration:
        if (self.run is None) == (self.python is None) or not self.find:
            raise ValueError("a demonstration has either a command or Python, and what to find")
        return self

    @property
    def text(self) -> str:
        """The command line as a user types it, or the Python."""
        return f"archspec {self.run}" if self.python is None else self.python


class Claim(_Data):
    """One claim of the literature.

    >>> claim = next(claim for topic in load_topics() for claim in topic.claims if claim.name == "paths-of-resnet")
    >>> claim.verdict, claim.show[0].text
    ('holds', 'archspec count-paths cifar_resnet110_A')
    """

    name: Annotated[str, Field(pattern=r"[a-z0-9-]+$")]
    claim: Text
    verdict: Verdict
    right: Text
    """The value or statement that is right."""
    source: Text
    """Paper, and table, equation or section."""
    show: tuple[Demonstration, ...] = ()
    figure: Text | None = None
    """A picture in docs/images, with its caption: `FILE: CAPTION`."""
    made_by: tuple[Text, ...] = ()
    """The commands that made the committed measurements that `show` reads."""
    cannot: Text | None = None
    """Why it cannot be shown on an ordinary machine."""

    @model_validator(mode="after")
    def _is_shown_or_says_why_not(self) -> Claim:
        if bool(self.show) == (self.cannot is not None):
            raise ValueError("a claim is either shown or says why it cannot be")
        return self


class Topic(_Data):
    """The claims about one architecture, with the text that introduces them.

    >>> [topic.title for topic in load_topics()][:2]
    ['Plain networks and Inception', 'Gates: LSTM and highway networks']
    """

    title: Text
    text: Text
    figure: Text | None = None
    """A picture in docs/images, with its caption: `FILE: CAPTION`."""
    claims: tuple[Claim, ...]


@lru_cache(maxsize=1)
def load_topics() -> tuple[Topic, ...]:
    """All claims, topic by topic.

    >>> sum(len(topic.claims) for topic in load_topics()) >= 57
    True
    """
    return tuple(_load_topic(FOLDER / f"{name}.yaml") for name in TOPICS)


def _load_topic(path: Path) -> Topic:
    return Topic.model_validate(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))


def find_claims(patterns: tuple[str, ...]) -> list[tuple[Topic, Claim]]:
    """The claims whose name, topic or verdict contains one of the patterns, ignoring case; all without patterns.

    >>> [claim.name for _, claim in find_claims(("bernoulli",))]
    ['bernoulli-or-binomial']
    """
    pairs = [(topic, claim) for topic in load_topics() for claim in topic.claims]
    if not patterns:
        return pairs
    return [pair for pair in pairs if any(_matches(pair, pattern.lower()) for pattern in patterns)]


def _matches(pair: tuple[Topic, Claim], pattern: str) -> bool:
    topic, claim = pair
    return pattern in claim.name or pattern in topic.title.lower() or pattern == claim.verdict
