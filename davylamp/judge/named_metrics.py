"""Named metrics: what a service's owners want judged beside the requests. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from davylamp.judge.sample import Role


class MetricKind(StrEnum):
    COUNTER_RATIO = "counter_ratio"
    """Events of all there were: orders that failed of orders."""
    GAUGE = "gauge"
    """A level: the length of a queue."""
    HISTOGRAM = "histogram"
    """Cumulative buckets by `le`."""


class Direction(StrEnum):
    """Which way harm lies."""

    UP = "up"
    DOWN = "down"
    EITHER = "either"


@dataclass(frozen=True)
class NamedRule:
    """How one named metric is judged.

    A candidate may have `margin` times the baseline's figure (harm upwards; one `margin`-th
    downwards) before it matters. `weight` is its share of the evidence beside the other named
    metrics. Nothing is promoted before a `critical` one was shown to be harmless.
    """

    name: str
    kind: MetricKind
    direction: Direction = Direction.UP
    margin: float = 1.25
    weight: float = 1.0
    critical: bool = False


@dataclass(frozen=True)
class RatioReading:
    """Counters that only grow, except when what counts them is started anew."""

    numerator: float
    denominator: float


@dataclass(frozen=True)
class GaugeReading:
    value: float


@dataclass(frozen=True)
class HistogramReading:
    """`counts` by bucket, disjoint, growing; `bounds` are the upper edges in the metric's own
    unit, and one more bucket lies above the last."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]


Value = RatioReading | GaugeReading | HistogramReading


@dataclass(frozen=True)
class NamedReading:
    """One metric of one build. `at` is the scrape's time where the metric says it, else when it
    was asked for (Unix seconds)."""

    at: float
    value: Value


@dataclass(frozen=True)
class NamedTick:
    """What one look at the named metrics of a release brought. What is in neither is not new."""

    at: float
    """When it was asked for, Unix seconds."""
    of: Mapping[Role, Mapping[str, NamedReading]] = field(
        default_factory=dict[Role, Mapping[str, NamedReading]]
    )
    """By side, then by the metric's name."""
    problems: Mapping[str, str] = field(default_factory=dict[str, str])
    """Metrics that couldn't be read, and why, in words."""
