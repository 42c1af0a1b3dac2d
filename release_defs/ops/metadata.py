"""What an operator sees of a release in the UI: figures first, then the verdict, then pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from davylamp.judge.sample import Series
    from davylamp.judge.verdict import Verdict
    from davylamp.ledger.releases import Release
    from davylamp.rollout.parts import Parts

Metadata = dict[str, Any]

_FIGURES = {
    "error_rate": ("candidate failed %", "baseline failed %"),
    "latency_p99": ("candidate p99 ms", "baseline p99 ms"),
}
"""Metric of the judge → what its two sides are called on screen."""

_COLUMNS = ("metric", "says", "candidate", "baseline", "unit", "effect", "interval", "why")


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
    for side in ("candidate", "baseline"):
        found |= _counted(side, counted)
    if release.decided_at is not None:
        began = release.traffic_at or release.created_at
        found["seconds to decision"] = round((release.decided_at - began).total_seconds(), 1)
    return found


def figures_of_verdict(verdict: Verdict) -> Metadata:
    """The judge's word in single values."""
    return _figures_in(json.loads(json.dumps(asdict(verdict), default=str)))


def evidence_of(parts: Parts, release_id: int) -> Metadata:
    """The last verdict as figures and a table, and the pictures of what it was made from."""
    from davylamp.ledger.evidence import last_verdict
    from davylamp.rollout.conduct.figures import both_sides

    with parts.ledger.begin() as db:
        verdict = last_verdict(db, release_id)
    if verdict is None:
        return {}
    candidate, baseline = both_sides(parts, release_id)
    return _figures_in(verdict) | verdict_table(verdict) | pictures(candidate, baseline)


def verdict_table(verdict: Mapping[str, Any]) -> Metadata:
    """The verdict, a row a metric."""
    rows = [dg.TableRecord(_row(metric)) for metric in verdict.get("metrics") or ()]
    if not rows:
        return {}
    schema = dg.TableSchema([dg.TableColumn(name, "string") for name in _COLUMNS])
    return {"verdict": dg.MetadataValue.table(rows, schema)}


def pictures(candidate: Series, baseline: Series) -> Metadata:
    """Both sides' latency and error rate, as one picture."""
    from release_defs.plots import draw

    drawn = draw(candidate, baseline)
    if not drawn:
        return {}
    text = base64.b64encode(drawn).decode()
    return {"latency and errors": dg.MetadataValue.md(f"![](data:image/png;base64,{text})")}


def _counted(side: str, counted: Mapping[str, Any]) -> Metadata:
    requests, failed = counted.get(f"{side}_requests"), counted.get(f"{side}_failed")
    if requests is None or failed is None:
        return {}
    found: Metadata = {f"{side} requests": int(requests)}
    if requests:
        found[f"{side} failed %"] = round(100.0 * failed / requests, 2)
    return found


def _figures_in(verdict: Mapping[str, Any]) -> Metadata:
    found: Metadata = {
        "verdict by": f"{verdict['outcome']} ({verdict['judge']})",
        "candidate requests": verdict.get("candidate_requests", 0),
        "baseline requests": verdict.get("baseline_requests", 0),
    }
    for metric in verdict.get("metrics") or ():
        if metric["name"] not in _FIGURES:
            continue
        for name, side in zip(_FIGURES[metric["name"]], ("candidate", "baseline"), strict=True):
            if metric[side] is not None:
                found[name] = round(metric[side], 2)
    return found


def _row(metric: Mapping[str, Any]) -> dict[str, str]:
    lower, upper = metric.get("lower"), metric.get("upper")
    interval = f"{lower:.4g} … {upper:.4g}" if lower is not None and upper is not None else "–"
    return {
        "metric": metric["name"] + (" (critical)" if metric.get("critical") else ""),
        "says": metric["classification"],
        "candidate": _number(metric.get("candidate")),
        "baseline": _number(metric.get("baseline")),
        "unit": metric.get("unit") or "–",
        "effect": _number(metric.get("effect_size")),
        "interval": interval,
        "why": metric.get("reason") or "–",
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
