"""What a contender reports, what a benchmark promises, and how answers are compared: values only."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

import msgspec

SEED = 1


class Missing(Exception):
    """A contender cannot take part here; the text says what is not installed."""


class Outcome(msgspec.Struct, frozen=True):
    """One repetition of one contender.

    `operations` took `seconds`. `digests` are hashes of the answers by what they cover: contenders of
    one size must agree wherever they covered the same. `values` are further measurements by name.
    """

    operations: int
    seconds: float
    digests: dict[str, str] = {}
    values: dict[str, float] = {}


class Report(msgspec.Struct, frozen=True):
    """What the process of a contender sends for each repetition; `rss_mb` is its peak so far."""

    outcome: Outcome
    rss_mb: float


class Ready(msgspec.Struct, frozen=True):
    """What the process of a contender sends first; `missing` says why it cannot take part."""

    label: str
    missing: str = ""
    prepare_s: float = 0.0
    versions: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Metric:
    """What a benchmark's table shows: `rate` (operations a second) or a name of `Outcome.values`."""

    name: str = "rate"
    unit: str = "/s"
    better: Literal["more", "less"] = "more"


@dataclass(frozen=True, slots=True)
class Figure:
    """Where a number stands: the median of a metric of one contender at one size."""

    contender: str
    size: str
    metric: str = "rate"


@dataclass(frozen=True, slots=True)
class Target:
    """A promise of PERFORMANCE.md: a figure, or its ratio to another one, against a bound."""

    text: str
    figure: Figure
    at: Literal["least", "most"]
    bound: float
    over: Figure | None = None


@dataclass(slots=True)
class Series:
    """One contender at one size: its repetitions, or why there are none."""

    contender: str
    ready: Ready
    failure: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    rss_mb: float = 0.0

    def measured(self, metric: str) -> list[float]:
        """Return a metric's value in each repetition that has it; `rate` is operations a second."""
        if metric == "rate":
            return [one.operations / one.seconds for one in self.outcomes if one.seconds]
        return [one.values[metric] for one in self.outcomes if metric in one.values]


def digest(parts: Iterable[object]) -> str:
    """Hash answers in their order; 16 hex digits."""
    found = sha256()
    for part in parts:
        found.update(repr(part).encode())
        found.update(b"\x1f")
    return found.hexdigest()[:16]
