"""A verdict as a table in words: a row a metric, what weighs most first."""

from __future__ import annotations

import math

from davylamp.judge.verdict import SEQUENTIAL, MetricVerdict, Verdict

_CLASSES = {"High": "against", "Low": "against", "Pass": "pass", "Nodata": "no data"}
_UNKNOWN = "–"
_ENDLESS = 1e6
"""A ratio above this is no ratio any more."""
_ANYTIME = "95 % interval"
_WINDOW = "interval"
_COLUMNS = {
    "metric": "what is compared",
    "candidate": "the candidate's figure over all it was judged by, and from how many",
    "baseline": "the same of the baseline: the old build, started beside it, with as many users",
    "ratio": "candidate ÷ baseline",
    _ANYTIME: "of the ratio; anytime-valid: it holds however often anybody looks",
    _WINDOW: "as the fixed-window rule has it: valid for one look at the end",
    "margin": "ratio up to which nothing is held against the candidate",
    "evidence": "of harm (e-value): by luck alone, above x at most once in x releases",
    "weight": "this metric's share in the evidence of all together",
    "harmless": "evidence of harmlessness (e-value); – where it isn't asked for",
    "says": "what the judge makes of it",
}
"""Column → what it means."""


def columns_of(verdict: Verdict) -> dict[str, str]:
    """Column → what it means."""
    other = _WINDOW if _interval_of(verdict) == _ANYTIME else _ANYTIME
    return {name: meaning for name, meaning in _COLUMNS.items() if name != other}


def rows_of(verdict: Verdict) -> list[dict[str, str]]:
    """By column; none for a verdict without metrics."""
    return [_row(metric, _interval_of(verdict)) for metric in verdict.metrics]


def number(value: float | None, unit: str = "") -> str:
    """Three digits, and a dash for what isn't known."""
    if value is None or math.isnan(value):
        return _UNKNOWN
    if math.isinf(value):
        return "∞"
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def _interval_of(verdict: Verdict) -> str:
    return _ANYTIME if verdict.judge == SEQUENTIAL else _WINDOW


def _row(metric: MetricVerdict, interval: str) -> dict[str, str]:
    return {
        "metric": metric.name,
        "candidate": _figure(metric.candidate, metric.unit, metric.candidate_count),
        "baseline": _figure(metric.baseline, metric.unit, metric.baseline_count),
        "ratio": number(metric.effect_size),
        interval: _interval(metric),
        "margin": number(metric.margin),
        "evidence": number(metric.e_value),
        "weight": _UNKNOWN if metric.weight is None else f"{metric.weight:.0%}",
        "harmless": number(metric.safe_e_value),
        "says": _word(metric),
    }


def _figure(value: float | None, unit: str, count: float | None) -> str:
    """`5.2 % of 1,204`"""
    said = number(value, "" if unit == "requests" else unit)
    if count is not None and said != _UNKNOWN:
        return f"{said} of {count:,.0f}"
    return said


def _interval(metric: MetricVerdict) -> str:
    nothing_known = metric.candidate is None and metric.baseline is None
    if nothing_known or (metric.lower is None and metric.upper is None):
        return _UNKNOWN
    low, high = metric.lower or 0.0, metric.upper
    return f"{number(low)} … {number(math.inf if high is None or high > _ENDLESS else high)}"


def _word(metric: MetricVerdict) -> str:
    """One word, where the other columns say the rest; else with the reason."""
    kind = _CLASSES.get(metric.classification, metric.classification)
    has_figures = metric.e_value is not None and metric.candidate is not None
    return kind if has_figures or not metric.reason else f"{kind}: {metric.reason}"
