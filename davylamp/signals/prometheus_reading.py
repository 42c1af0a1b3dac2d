"""Rows of a named metric → what it says of one build. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from davylamp.judge.named_metrics import (
    GaugeReading,
    HistogramReading,
    MetricKind,
    RatioReading,
    Value,
)
from davylamp.signals.prometheus_growth import Growth
from davylamp.signals.prometheus_metrics import NamedMetric
from davylamp.signals.prometheus_query import PromQL, Row

_PART = "davylamp_part"
_NUMERATOR, _DENOMINATOR, _VALUE, _SCRAPED = "numerator", "denominator", "value", "scraped"


def metric_query(metric: NamedMetric) -> PromQL:
    """All parts of a metric in one query, so that they are of one moment."""
    parts = {
        _NUMERATOR: metric.numerator,
        _DENOMINATOR: metric.denominator,
        _VALUE: metric.query,
        _SCRAPED: metric.scraped,
    }
    # lines of their own: a comment at a query's end must not swallow what follows
    named = [
        f'label_replace(\n{text}\n, "{_PART}", "{part}", "", "")'
        for part, text in parts.items()
        if text
    ]
    return PromQL(" or ".join(named), f"the metric {metric.name}")


def lacks_numerator(metric: NamedMetric, rows: Sequence[Row]) -> bool:
    """Nowhere in the fleet is there one: it may be misspelt, and 0 would be a guess."""
    return bool(metric.numerator) and not any(r.label(_PART) == _NUMERATOR for r in rows)


def read_at(metric: NamedMetric, rows: Sequence[Row]) -> float | None:
    """Unix seconds; None when the time of the scrape was asked for and isn't known."""
    scraped = [row.value for row in rows if row.label(_PART) == _SCRAPED]
    if metric.scraped:
        return min(scraped, default=None)
    return rows[0].at


def values_of(rows: Sequence[Row]) -> list[Row]:
    """Raises ValueError for one that is no number: NaN, infinity."""
    if any(not math.isfinite(row.value) for row in rows):
        raise ValueError("a figure that is no number")
    return [row for row in rows if row.label(_PART) != _SCRAPED]


def value_of(kind: MetricKind, rows: Sequence[Row], growth: Growth) -> Value | None:
    """None when it can't be known this time. Raises ValueError for what can't be one."""
    if kind is MetricKind.GAUGE:
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} rows for one build: make them one by sum, max, …")
        return GaugeReading(rows[0].value)
    if growth.was_interrupted:
        return None
    if kind is MetricKind.HISTOGRAM:
        return HistogramReading(*growth.buckets())
    denominator = growth.total(_PART, _DENOMINATOR)
    # a counter is there only once something has raised it
    numerator = growth.total(_PART, _NUMERATOR) or 0.0
    return None if denominator is None else RatioReading(numerator, denominator)
