"""How a service wants to be judged: plain values, filled from its catalog entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from davylamp.judge.named_metrics import NamedRule
from davylamp.judge.sequential.policy import SequentialPolicy


@dataclass(frozen=True)
class JudgePolicy:
    """One service's rules for its judge.

    The sequential judge always watches for harm; `rule` says who may promote at a step's end.
    """

    rule: str = "sequential"
    """`sequential`, or a fixed-window rule: `fail-ratio` or `score`."""
    minimum_requests: int = 50
    """Completed requests each side must have had before a fixed-window rule is heard."""
    minimum_ticks: int = 10
    """Points a metric's series must have on each side."""
    interval_seconds: float = 1.0
    """Length of the points the fixed-window judge compares."""
    confidence: float = 0.98
    pass_score: float = 75.0
    marginal_score: float = 50.0
    critical: tuple[str, ...] = ("error_rate", "latency_p99", "hanging")
    """Metrics whose failure alone rolls back, by a fixed-window rule."""
    ignored: tuple[str, ...] = ()
    gross_rate: float = 0.05
    """Share of failing requests at which a fixed window promotes nothing, whoever else fails."""
    named: tuple[NamedRule, ...] = ()
    """Metrics of the service's own, from Prometheus."""
    constants: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The sequential judge's constants, where they differ from its defaults."""

    def sequential(self, *, gross_only: bool = False) -> SequentialPolicy:
        """The same rules for the sequential judge."""
        return SequentialPolicy(ignored=self.ignored, gross_only=gross_only, **self.constants)
