"""The metrics of a release: how each is read off the intervals, and how much of it matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from davylamp.judge.excess import Tally
from davylamp.judge.intervals import Intervals
from davylamp.judge.quantile import quantile_ms, quantiles_ms
from davylamp.judge.sample import Floats


@dataclass(frozen=True)
class Metric:
    """One figure of a build; more of it is always worse.

    `points` is a figure an interval (NaN where it has none), `figure` that of the whole
    window, both in `unit`. A candidate may have `ratio` times the baseline's figure, or
    `floor` more than it: less than that doesn't matter, whatever a test says.
    """

    name: str
    unit: str
    ratio: float
    floor: float
    points: Callable[[Intervals], Floats]
    figure: Callable[[Intervals], float]
    events: Callable[[Intervals], Floats] | None = None
    """What is counted, an interval, where the figure is a share of the requests."""
    quantile: float | None = None
    """Which quantile of the latency it is."""
    is_optional: bool = False
    """Not every source reports it; with neither side reporting it, it is left out."""

    def allowed(self, baseline: float) -> float:
        return max(self.ratio * baseline, baseline + self.floor)


def tally(events: Floats, of: Intervals) -> Tally:
    return Tally(float(events.sum()), of.requests)


def _share(events: Callable[[Intervals], Floats]) -> Callable[[Intervals], Floats]:
    """Per cent of the requests: percentages keep clear of the rank test's 1e-4 tolerance."""
    return lambda i: 100 * _divided(events(i), i.completed)


def _share_of_all(events: Callable[[Intervals], Floats]) -> Callable[[Intervals], float]:
    return lambda i: 100 * tally(events(i), i).rate


def _failed(i: Intervals) -> Floats:
    return i.failed


def _client_errors(i: Intervals) -> Floats:
    return i.client_errors


def _in_flight_ms(i: Intervals) -> Floats:
    """How long requests are in flight, by Little's law; requests that hang pile up in it."""
    busy = (i.started > 0) | (i.in_flight > 0)
    time_each = 1000 * i.in_flight * i.seconds / np.maximum(i.started, 1)
    return np.where(busy, time_each, np.nan)


def _in_flight_ms_of_all(i: Intervals) -> float:
    if not (i.started.any() or i.in_flight.any()):
        return float("nan")
    return 1000 * float((i.in_flight * i.seconds).sum()) / max(float(i.started.sum()), 1.0)


def _cpu_ms(i: Intervals) -> Floats:
    return 1000 * _divided(i.cpu_seconds, i.completed)


def _cpu_ms_of_all(i: Intervals) -> float:
    known = np.isfinite(i.cpu_seconds)
    requests = float(i.completed[known].sum())
    return 1000 * float(i.cpu_seconds[known].sum()) / requests if requests > 0 else float("nan")


def _megabytes(i: Intervals) -> Floats:
    return i.memory_bytes / 1e6


def _latency(name: str, quantile: float, ratio: float, floor: float) -> Metric:
    return Metric(
        name,
        "ms",
        ratio,
        floor,
        points=lambda i: quantiles_ms(i.latency, quantile, i.bounds_ms),
        figure=lambda i: quantile_ms(i.latency, quantile, i.bounds_ms) if len(i) else float("nan"),
        quantile=quantile,
    )


def _mean(points: Callable[[Intervals], Floats]) -> Callable[[Intervals], float]:
    def figure(i: Intervals) -> float:
        known = points(i)
        known = known[np.isfinite(known)]
        return float(known.mean()) if known.size else float("nan")

    return figure


METRICS = (
    Metric("error_rate", "%", 1.5, 0.5, _share(_failed), _share_of_all(_failed), _failed),
    Metric(
        "client_error_rate",
        "%",
        1.5,
        2.0,
        _share(_client_errors),
        _share_of_all(_client_errors),
        _client_errors,
    ),
    _latency("latency_p50", 0.5, 1.25, 2.0),
    _latency("latency_p90", 0.9, 1.25, 3.0),
    _latency("latency_p99", 0.99, 1.5, 5.0),
    Metric("hanging", "ms", 2.0, 250.0, _in_flight_ms, _in_flight_ms_of_all),
    Metric("cpu_per_request", "ms", 1.5, 1.0, _cpu_ms, _cpu_ms_of_all, is_optional=True),
    Metric("memory_bytes", "MB", 1.3, 20.0, _megabytes, _mean(_megabytes), is_optional=True),
)
"""All that a release is judged by."""


def _divided(over: Floats, under: Floats) -> Floats:
    return np.divide(over, under, out=np.full_like(under, np.nan), where=under > 0)
