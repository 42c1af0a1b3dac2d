"""A service's own metrics, as its catalog entry names them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from davylamp.judge.named_metrics import Direction, MetricKind, NamedRule
from davylamp.judge.sequential.policy import METRICS

Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
_PARTS = {
    MetricKind.COUNTER_RATIO: ("numerator", "denominator"),
    MetricKind.GAUGE: ("query",),
    MetricKind.HISTOGRAM: ("query",),
}


class Labels(BaseModel):
    """The labels that say which build a row belongs to: `build` alone, where a row has it, else
    the three others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    build: Label = "envoy_cluster_name"
    service: Label = "service"
    role: Label = "role"
    release: Label = "release"


class Metric(BaseModel):
    """One metric to be read from Prometheus and judged; see docs/prometheus.md for its queries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
    kind: MetricKind
    query: str = Field(default="", validate_default=True)
    numerator: str = Field(default="", validate_default=True)
    denominator: str = Field(default="", validate_default=True)
    scraped: str = ""
    """Query for the time of the scrape."""
    labels: Labels = Field(default_factory=Labels)
    direction: Direction = Direction.UP
    """Which way harm lies."""
    margin: float = Field(default=1.25, ge=1, le=1000)
    """Up to this times the baseline's figure (down: one such part of it) nothing is held against
    the candidate."""
    weight: float = Field(default=1.0, gt=0, le=20)
    """1: a twentieth of the weight of all requests together."""
    critical: bool = False
    """Nothing is promoted before this was shown to be harmless."""

    @field_validator("name")
    @classmethod
    def _is_its_own(cls, name: str) -> str:
        if name in METRICS:
            raise ValueError(f"{name!r} is always judged, from the requests: take another name")
        return name

    @field_validator("query", "numerator", "denominator")
    @classmethod
    def _fits_its_kind(cls, text: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind is None or info.field_name is None:  # what is wrong with it has been said
            return text
        is_wanted = info.field_name in _PARTS[kind]
        if is_wanted and not text.strip():
            raise ValueError(f"is needed: a {kind} is made of {' and '.join(_PARTS[kind])}")
        if not is_wanted and text:
            raise ValueError(f"doesn't belong to a {kind}: that has {' and '.join(_PARTS[kind])}")
        return text

    def rule(self) -> NamedRule:
        """How the judge is to take it."""
        return NamedRule(
            self.name, self.kind, self.direction, self.margin, self.weight, self.critical
        )
