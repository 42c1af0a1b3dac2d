"""What an operator sees of a release in the UI: figures first, then the verdict, then plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assets.picture import picture

if TYPE_CHECKING:
    from davylamp.judge.verdict import MetricVerdict, Verdict
    from davylamp.ledger.releases import Release

Metadata = dict[str, Any]

_SIDES = ("candidate", "baseline")
_FIGURES = {"error_rate": "failed %", "latency_p99": "p99 ms"}
"""Metrics of the judge that are shown as single values too → what they are called."""
_MOST_MISSING = 3


def figures_of(release: Release) -> Metadata:
    """A release's outcome in single values. Figures that are not known are left out."""
    counted = release.figures or {}
    found: Metadata = {
        "outcome": release.state.value,
        "reason": release.reason,
        "release": release.id,
        "version": release.version or release.image,
    }
    if release.digest:
        found["digest"] = release.digest
    for side in _SIDES:
        found |= _counted(side, counted)
    if release.decided_at is not None:
        began = release.traffic_at or release.created_at
        found["seconds to decision"] = round((release.decided_at - began).total_seconds(), 1)
    return found


def figures_of_verdict(verdict: Verdict) -> Metadata:
    """The judge's word in single values: what matters most comes first."""
    found: Metadata = {
        "outcome": str(verdict.outcome),
        "judge": f"{verdict.judge} says {verdict.outcome}",
        "headline": verdict.headline,
    }
    if verdict.e_value is not None and math.isfinite(verdict.e_value):
        found["evidence of harm"] = float(f"{verdict.e_value:.3g}")
    found["candidate requests"] = verdict.candidate_requests
    found["baseline requests"] = verdict.baseline_requests
    by_name = {metric.name: metric for metric in verdict.metrics}
    for name in _FIGURES:
        found |= _both(by_name[name]) if name in by_name else {}
    found["missing"] = _some(verdict.missing)
    if verdict.other_opinions:
        said = verdict.other_opinions.items()
        found["other judges"] = ", ".join(f"{name} says {outcome}" for name, outcome in said)
    return found


def table_of_verdict(verdict: Verdict) -> Metadata:
    """The judge's word as a table with a row a metric."""
    from release_defs.ops.table import table_of

    table = table_of(verdict)
    return {} if table is None else {"verdict": table}


def plots_of(png: bytes) -> Metadata:
    """The drawn evidence; nothing where there is none."""
    return dict(picture("plots", png, "evidence"))


def _both(metric: MetricVerdict) -> Metadata:
    values = {"candidate": metric.candidate, "baseline": metric.baseline}
    return {
        f"{side} {_FIGURES[metric.name]}": round(value, 2)
        for side, value in values.items()
        if value is not None and math.isfinite(value)
    }


def _some(missing: tuple[str, ...]) -> str:
    """The first few of what is missing: the worst is named first."""
    more = len(missing) - _MOST_MISSING
    said = "; ".join(missing[:_MOST_MISSING])
    return (f"{said}; and {more} more" if more > 0 else said) or "nothing"


def _counted(side: str, counted: Mapping[str, Any]) -> Metadata:
    requests, failed = counted.get(f"{side}_requests"), counted.get(f"{side}_failed")
    if requests is None or failed is None:
        return {}
    found: Metadata = {f"{side} requests": int(requests)}
    if requests:
        found[f"{side} failed %"] = round(100.0 * failed / requests, 2)
    return found
