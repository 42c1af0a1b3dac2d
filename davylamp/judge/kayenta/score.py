"""From classified metrics to one score between 0 and 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from davylamp.judge.kayenta.metric import Classification, MetricResult

PASS_SCORE = 75.0
MARGINAL_SCORE = 50.0
_COUNTED = (
    Classification.PASS,
    Classification.HIGH,
    Classification.LOW,
    Classification.NODATA_FAIL,
)


class ScoreOutcome(StrEnum):
    PASS = "PASS"
    MARGINAL = "MARGINAL"
    FAIL = "FAIL"


def score_metrics(
    results: Sequence[MetricResult], group_weights: Mapping[str, float] | None = None
) -> float:
    """The weighted score; 0 after any critical failure, or with no data for half or more.

    Weights are per cent. Groups without one share what is left of 100 equally; where every
    group has one, only their proportions count.
    """
    nodata = sum(r.classification is Classification.NODATA for r in results)
    if any(r.is_critical_failure for r in results) or 2 * nodata >= len(results):
        return 0.0
    weights = _weights({r.group for r in results}, group_weights or {})
    total = sum(weights.values())
    if total <= 0:
        return 0.0
    scored = (w * _group_score([r for r in results if r.group == g]) for g, w in weights.items())
    return sum(scored) / total


def outcome_of(
    score: float, pass_score: float = PASS_SCORE, marginal_score: float = MARGINAL_SCORE
) -> ScoreOutcome:
    """A score at the marginal line fails already; one at the pass line passes."""
    if score >= pass_score:
        return ScoreOutcome.PASS
    return ScoreOutcome.MARGINAL if score > marginal_score else ScoreOutcome.FAIL


def _weights(groups: set[str], given: Mapping[str, float]) -> dict[str, float]:
    without = sorted(groups - given.keys())
    left = max(0.0, 100.0 - sum(given.values()))
    return dict(given) | {group: left / len(without) for group in without}


def _group_score(results: Sequence[MetricResult]) -> float:
    counted = [r for r in results if r.classification in _COUNTED]
    passed = sum(r.classification is Classification.PASS for r in counted)
    return 100.0 * passed / len(counted) if counted else 100.0
