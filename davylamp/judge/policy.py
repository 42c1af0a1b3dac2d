"""How a service wants to be judged: plain values, filled from its catalog entry."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class GrossHarm:
    """When to stop at once, without waiting for the window's end.

    A first, plain rule; the sequential judge takes its place. The candidate must have had
    `minimum_requests`, and its failures must exceed what the baseline's rate explains with
    probability below `significance`, be at least `error_rate` and `error_ratio` times the
    baseline's. The same for hanging requests and for requests slower than
    `latency_ratio` times the baseline's p99.
    """

    minimum_requests: int = 20
    error_rate: float = 0.05
    error_ratio: float = 2.0
    latency_ratio: float = 2.0
    slow_rate: float = 0.05
    significance: float = 1e-6


@dataclass(frozen=True)
class JudgePolicy:
    """One service's rules for its judge."""

    rule: str = "fail-ratio"
    """Which fixed-window rule decides: `fail-ratio` or `score`."""
    minimum_requests: int = 50
    """Completed requests each side must have had; below it nothing is ever promoted."""
    minimum_ticks: int = 10
    """Points a metric's series must have on each side."""
    interval_seconds: float = 1.0
    """Length of the points the fixed-window judge compares."""
    confidence: float = 0.98
    pass_score: float = 75.0
    marginal_score: float = 50.0
    critical: tuple[str, ...] = ("error_rate", "latency_p99", "hanging")
    """Metrics whose failure alone rolls back."""
    ignored: tuple[str, ...] = ()
    gross: GrossHarm = field(default_factory=GrossHarm)
