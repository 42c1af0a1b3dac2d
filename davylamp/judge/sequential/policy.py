"""The sequential judge's constants: margins, weights, thresholds. See docs/judge.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

REQUEST_TESTS = (
    "error_rate",
    "gross_errors",
    "latency_p50",
    "latency_p90",
    "latency_p99",
    "gross_latency",
    "completions",
)
"""Tests that stable and its slices can be put to as well."""
RESOURCE_TESTS = ("client_error_rate", "hanging", "cpu_per_request", "memory_bytes", "restarts")
"""Tests of the candidate against the baseline alone."""
PLANNED_TESTS = ("typical_latency", "tail_latency")
"""Few looks at ages fixed beforehand, at all blocks since the warm-up."""
TESTS = (*REQUEST_TESTS, *RESOURCE_TESTS, *PLANNED_TESTS)
METRICS: dict[str, tuple[str, ...]] = {
    "error_rate": ("error_rate", "gross_errors"),
    "latency_p50": ("latency_p50", "typical_latency"),
    "latency_p90": ("latency_p90", "gross_latency", "tail_latency"),
    "latency_p99": ("latency_p99",),
    "hanging": ("completions", "hanging"),
    "client_error_rate": ("client_error_rate",),
    "cpu_per_request": ("cpu_per_request",),
    "memory_bytes": ("memory_bytes",),
    "restarts": ("restarts",),
}
"""What people call it, and the tests that look at it."""


def _weights() -> dict[str, float]:
    return {
        "error_rate": 0.20,
        "gross_errors": 0.20,
        "latency_p50": 0.08,
        "latency_p90": 0.08,
        "latency_p99": 0.20,
        "gross_latency": 0.08,
        "completions": 0.04,
        "client_error_rate": 0.03,
        "hanging": 0.02,
        "cpu_per_request": 0.03,
        "memory_bytes": 0.03,
        "restarts": 0.10,
        "typical_latency": 0.2,
        "tail_latency": 0.2,
    }


@dataclass(frozen=True)
class SequentialPolicy:
    """Times in seconds, rates in [0, 1]. The defaults are those the calibration reports on."""

    alpha: float = 0.025
    """Chance of rolling back a build that is no worse than allowed, over a whole release."""
    weights: Mapping[str, float] = field(default_factory=_weights)
    """How evidence is shared out among the tests; normalised to sum 1."""
    warm_up_seconds: float = 30.0
    """In which only gross harm counts: fresh copies are slow at first."""
    error_ratio: float = 1.25
    """Error rates up to this times the baseline's are no harm …"""
    error_rate: float = 0.003
    """… nor are rates up to this."""
    gross_ratio: float = 2.0
    gross_rate: float = 0.05
    latency_ratio: float = 1.10
    gross_latency_ratio: float = 2.0
    completion_odds: float = 0.5
    error_cap: float = 0.8
    """The most that one tick may add to the logarithm of the evidence of errors."""
    gross_cap: float = 3.4
    gross_calm: float = 6.0
    """Dispersion of errors from which on that cap shrinks: where bursts of errors come and go, one
    burst on one side is no proof."""
    completion_cap: float = 1.5
    cpu_ratio: float = 1.5
    cpu_floor_cores: float = 0.02
    memory_ratio: float = 1.10
    client_error_ratio: float = 1.5
    client_error_floor: float = 0.02
    hanging_share: float = 0.05
    restart_seconds: float = 5.0
    """How often the tests begin anew; those of gross harm every tick."""
    horizon_seconds: float = 300.0
    safe_error_ratio: float = 3.0
    safe_error_rate: float = 0.01
    safe_p50: float = 1.25
    safe_p90: float = 1.35
    safe_p99: float = 1.6
    safe_resources: float = 1.3
    safe_evidence: float = 20.0
    """What each test of harmlessness has to reach before anything is promoted."""
    doubtful_evidence: float = 10.0
    """Evidence of harm from which on nothing is promoted."""
    distress_rate: float = 0.05
    """Share of failing requests in two minutes at which nothing is promoted, whoever else fails."""
    shared_rate: float = 0.01
    """Harm to both sides: at least this share fails on either …"""
    shared_ratio: float = 4.0
    """… and this many times what failed on the baseline before …"""
    shared_slow_ratio: float = 4.0
    """… or answers so many times slower than the baseline's p95 was before …"""
    shared_slow_share: float = 0.1
    """… are at least this share on either …"""
    shared_blocks: float = 10.0
    """… in so many blocks of ten seconds, of which each that is not takes a third away: the
    newcomer is taken back, and not blamed."""
    reference_slack: float = 10.0
    """How many times less the candidate may look bad against stable than against the baseline."""
    placebo_seconds: float = 60.0
    share_tolerance: float = 1.5
    """Factor by which the ratio of both sides' requests may differ from what was intended."""
    ignored: tuple[str, ...] = ()
    """Metrics that are not judged."""
    gross_only: bool = False
    """Without a simultaneous baseline only gross harm can be judged."""

    def is_ignored(self, test: str) -> bool:
        return any(test in METRICS.get(metric, ()) for metric in self.ignored)
