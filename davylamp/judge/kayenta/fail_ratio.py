"""The other rule: what share of the metrics failed?"""

from __future__ import annotations

from collections.abc import Sequence

from davylamp.judge.kayenta.metric import Classification, MetricResult
from davylamp.judge.verdict import Outcome

FAILED = (
    Classification.HIGH,
    Classification.LOW,
    Classification.NODATA_FAIL,
    Classification.ERROR,
)


def fail_ratio(results: Sequence[MetricResult]) -> float:
    """Failed metrics over all metrics, in [0, 1]; 0 of none."""
    failed = sum(r.classification in FAILED for r in results)
    return failed / len(results) if results else 0.0


def outcome_by_fail_ratio(results: Sequence[MetricResult]) -> Outcome:
    """More than half failed, or a critical one: ROLLBACK. Any failed: MANUAL. None: PROMOTE.

    Nothing is promoted on metrics without data: too little is never a pass.
    """
    ratio = fail_ratio(results)
    if ratio > 0.5 or any(r.is_critical_failure for r in results):
        return Outcome.ROLLBACK
    if ratio > 0 or any(r.classification is Classification.NODATA for r in results) or not results:
        return Outcome.MANUAL
    return Outcome.PROMOTE
