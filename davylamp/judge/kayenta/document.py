"""A judgement as documents: metrics in, score and reasons out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from davylamp.judge.kayenta import fields
from davylamp.judge.kayenta.classify import CONFIDENCE, judge_metric
from davylamp.judge.kayenta.fail_ratio import fail_ratio, outcome_by_fail_ratio
from davylamp.judge.kayenta.fields import WrongDocument
from davylamp.judge.kayenta.metric import (
    Direction,
    EffectSize,
    MetricInput,
    MetricResult,
    NanStrategy,
    Outliers,
)
from davylamp.judge.kayenta.score import MARGINAL_SCORE, PASS_SCORE, outcome_of, score_metrics

_DOCUMENT = ("metrics", "group_weights", "pass", "marginal", "confidence")
_NEEDED = ("name", "control", "experiment")
_READERS: dict[str, Callable[[Any, str], Any]] = {
    "name": fields.text,
    "control": fields.points,
    "experiment": fields.points,
    "direction": lambda v, at: fields.choice(v, Direction, at),
    "nan_strategy": lambda v, at: fields.choice(v, NanStrategy, at),
    "outliers": lambda v, at: fields.choice(v, Outliers, at),
    "critical": fields.truth,
    "must_have_data": fields.truth,
    "allowed_increase": fields.number,
    "allowed_decrease": fields.number,
    "critical_increase": fields.number,
    "critical_decrease": fields.number,
    "effect_size": lambda v, at: fields.choice(v, EffectSize, at),
    "group": fields.text,
}
"""How each field of a metric is read; its keys are the fields of `MetricInput`."""


@dataclass(frozen=True)
class Request:
    """What a document asks to be judged, and by which lines."""

    metrics: tuple[MetricInput, ...]
    group_weights: Mapping[str, float] = field(default_factory=dict[str, float])
    pass_score: float = PASS_SCORE
    marginal_score: float = MARGINAL_SCORE
    confidence: float = CONFIDENCE


def judge_document(document: Any) -> dict[str, Any]:
    """Judge a document of metrics, as parsed from JSON; the answer is ready for JSON.

    In: `metrics` (name, control, experiment and the optional fields of `MetricInput`),
    `group_weights`, `pass`, `marginal`, `confidence`. Out: `score`, `outcome`, `fail_ratio`,
    `fail_ratio_outcome`, `metrics`. Raises `WrongDocument` naming metric and field.
    """
    request = read_request(document)
    results = [judge_metric(metric, request.confidence) for metric in request.metrics]
    score = score_metrics(results, request.group_weights)
    return {
        "score": score,
        "outcome": str(outcome_of(score, request.pass_score, request.marginal_score)),
        "fail_ratio": fail_ratio(results),
        "fail_ratio_outcome": str(outcome_by_fail_ratio(results)),
        "metrics": [_written(result) for result in results],
    }


def read_request(document: Any) -> Request:
    """Check a document. Raises `WrongDocument`."""
    found = fields.mapping(document, "the document")
    fields.refuse_unknown(found, _DOCUMENT, "the document")
    if "metrics" not in found:
        raise WrongDocument("the document: needs the field 'metrics'")
    entries = fields.sequence(found["metrics"], "metrics")
    if not entries:
        raise WrongDocument("metrics: at least one metric is needed")
    given = {name: value for name, value in found.items() if value is not None}
    request = Request(
        metrics=tuple(_metric(entry, index) for index, entry in enumerate(entries)),
        group_weights=_weights(given.get("group_weights", {})),
        pass_score=fields.number_within(given.get("pass", PASS_SCORE), 0, 100, "pass"),
        marginal_score=fields.number_within(
            given.get("marginal", MARGINAL_SCORE), 0, 100, "marginal"
        ),
        confidence=fields.number_within(
            given.get("confidence", CONFIDENCE), 0.5, 0.999999, "confidence"
        ),
    )
    if request.marginal_score > request.pass_score:
        raise WrongDocument("marginal: must not be above 'pass'")
    return request


def _metric(entry: Any, index: int) -> MetricInput:
    found = fields.mapping(entry, f"metrics[{index}]")
    name = found.get("name")
    where = f"metrics[{index}]" + (f" ({name:.60})" if isinstance(name, str) else "")
    fields.refuse_unknown(found, _READERS.keys(), where)
    for needed in _NEEDED:
        if needed not in found:
            raise WrongDocument(f"{where}: needs the field {needed!r}")
    return MetricInput(
        **{
            key: _READERS[key](value, f"{where}.{key}")
            for key, value in found.items()
            if value is not None or key in _NEEDED
        }
    )


def _weights(value: Any) -> dict[str, float]:
    weights = {
        group: fields.number_within(weight, 0, 100, f"group_weights.{group:.60}")
        for group, weight in fields.mapping(value, "group_weights").items()
    }
    if sum(weights.values()) > 100 + 1e-6:
        raise WrongDocument("group_weights: are per cent and must not add up to more than 100")
    return weights


def _written(result: MetricResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "classification": str(result.classification),
        "reason": result.reason,
        "lower": _number(result.lower),
        "upper": _number(result.upper),
        "estimate": _number(result.estimate),
        "effect_size": _number(result.effect_size),
        "critical": result.is_critical_failure,
    }


def _number(value: float) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return value if math.isfinite(value) else None
