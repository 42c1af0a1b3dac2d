"""Named metrics: what a service's owners want watched beside the requests. Values only.

A query is written for the whole fleet and grouped by the labels that say whose a row is, such as
`sum by (build, instance) (orders_failed_total)`. It gives raw counters, never `rate()`: the judge
takes the differences itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from davylamp.errors import BadInput
from davylamp.judge.named_metrics import Direction, MetricKind, NamedReading
from davylamp.judge.sample import Role

if TYPE_CHECKING:  # it brings pandas with it
    from davylamp.signals.prometheus_query import Row


@dataclass(frozen=True)
class BuildLabels:
    """The labels that say whose a row is: one that holds the build's name as Envoy's clusters
    have it (`checkout_stable`, `checkout_candidate_7`), or else three."""

    build: str = "envoy_cluster_name"
    service: str = "service"
    role: str = "role"
    release: str = "release"

    def build_of(self, row: Row) -> str:
        """Name of the build as a cluster; empty when the row doesn't say."""
        if found := row.label(self.build):
            return found
        service, role = row.label(self.service), row.label(self.role)
        if not service or not role:
            return ""
        stands_alone = role == Role.STABLE
        return (
            f"{service}_{role}" if stands_alone else f"{service}_{role}_{row.label(self.release)}"
        )


@dataclass(frozen=True)
class NamedMetric:
    """One business metric of the catalog.

    A candidate may have `margin` times the baseline's figure (harm upwards; one `margin`-th
    downwards) before it matters. `scraped` is an optional query for the time of the scrape by
    build, `max by (build) (timestamp(queue_length))`: without it a gauge that is read twice
    between two scrapes counts twice.
    """

    name: str
    kind: MetricKind
    service: str = ""
    """Empty: of every service that has it."""
    query: str = ""
    numerator: str = ""
    denominator: str = ""
    scraped: str = ""
    labels: BuildLabels = field(default_factory=BuildLabels)
    direction: Direction = Direction.UP
    margin: float = 1.25
    weight: float = 1.0
    critical: bool = False

    def __post_init__(self) -> None:
        is_ratio = self.kind is MetricKind.COUNTER_RATIO
        if is_ratio and not (self.numerator and self.denominator and not self.query):
            raise BadInput(
                f"metric {self.name}: a counter_ratio needs a numerator and a denominator"
            )
        if not is_ratio and not (self.query and not self.numerator and not self.denominator):
            raise BadInput(f"metric {self.name}: a {self.kind} needs a query, and that alone")
        if not self.margin >= 1 or not self.weight > 0:
            raise BadInput(f"metric {self.name}: margin must be at least 1, weight above 0")


Side = tuple[str, Role, int]
"""Service, role, release."""


@dataclass(frozen=True)
class NamedReadings:
    """What one tick brought. What is in neither is not known, and is no sign of health."""

    of: dict[Side, dict[str, NamedReading]]
    """By side, then by the metric's name."""
    problems: dict[str, str]
    """Metrics that can't be read, and why, in words."""
