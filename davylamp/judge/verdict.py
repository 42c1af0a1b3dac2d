"""What a judge says: an outcome, one sentence, and the evidence metric by metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from davylamp.judge.sample import Series

SEQUENTIAL = "sequential"
"""The judge whose ROLLBACK may be acted on at any look."""


class Outcome(StrEnum):
    PROMOTE = "PROMOTE"
    ROLLBACK = "ROLLBACK"
    MANUAL = "MANUAL"
    CONTINUE = "CONTINUE"


@dataclass(frozen=True)
class Evidence:
    """What is laid before the judge: both sides, over the same seconds.

    `elapsed_seconds` counts from the start of the window, whether or not ticks arrived.
    `simultaneous` is False where the baseline had to be taken from an earlier window (after
    the route went to 100 %): then only gross harm can be judged.
    """

    candidate: Series
    baseline: Series
    elapsed_seconds: float
    simultaneous: bool = True


@dataclass(frozen=True)
class MetricVerdict:
    """One metric's part in a verdict. Numbers are None where they could not be had."""

    name: str
    classification: str
    """`Pass`, `High`, `Low`, `Nodata`, `NodataFailMetric` or `Error`."""
    reason: str
    critical: bool = False
    candidate: float | None = None
    """The candidate's figure over the whole window, in the metric's unit."""
    baseline: float | None = None
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    estimate: float | None = None
    effect_size: float | None = None
    e_value: float | None = None
    """Evidence of harm, anytime-valid; None where a fixed window was judged."""
    safe_e_value: float | None = None
    """Evidence of harmlessness; None where this metric isn't asked for it."""
    weight: float | None = None
    margin: float | None = None
    """Ratio to the baseline up to which nothing is held against the candidate."""
    candidate_count: float | None = None
    """Requests (or blocks) the figures stand on."""
    baseline_count: float | None = None

    @property
    def speaks_against(self) -> bool:
        return self.classification in ("High", "Low", "NodataFailMetric", "Error")


@dataclass(frozen=True)
class Verdict:
    """The judge's word. `headline` is one sentence a person understands."""

    outcome: Outcome
    headline: str
    judge: str
    """Which rule spoke: `sequential`, `fail-ratio`, `score`."""
    metrics: tuple[MetricVerdict, ...] = ()
    score: float | None = None
    fail_ratio: float | None = None
    missing: tuple[str, ...] = ()
    """What would have to be there for a fuller answer."""
    vetoes: tuple[str, ...] = ()
    """Of these, what forbids promoting whichever rule decides: critical named metrics."""
    other_opinions: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the other rules would have said: rule → outcome."""
    candidate_requests: int = 0
    baseline_requests: int = 0
    e_value: float | None = None
    """All evidence of harm together; rolled back from 1/α on."""
    blames_build: bool = True
    """Of a ROLLBACK: whether the build was found wanting, or both sides were in distress."""

    @property
    def against(self) -> tuple[str, ...]:
        """The metrics that speak against the candidate."""
        return tuple(m.name for m in self.metrics if m.speaks_against)
