"""A ruling as a JSON document."""

from __future__ import annotations

import math
from typing import Any

from davylamp.judge.sequential.ruling import Ruling
from davylamp.judge.sequential.words import MetricEvidence


def document_of(ruling: Ruling) -> dict[str, Any]:
    """What `davylamp judge stream --json` prints of one stream."""
    return {
        "id": ruling.id,
        "judge": "sequential",
        "outcome": str(ruling.outcome),
        "at_tick": ruling.at_tick,
        "promotable_at_tick": ruling.promotable_at_tick,
        "headline": ruling.headline,
        "e_value": math.exp(min(ruling.log_harm, 690.0)),
        "missing": list(ruling.missing),
        "metrics": [metric_document(metric) for metric in ruling.metrics],
        "other_judges": dict(ruling.other_judges),
    }


def metric_document(metric: MetricEvidence) -> dict[str, Any]:
    found = vars(metric) | {"e_value": metric.e_value}
    safe = found.pop("log_safe")
    found["safe_e_value"] = None if safe is None else math.exp(min(safe, 690.0))
    return {
        k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in found.items()
    }
