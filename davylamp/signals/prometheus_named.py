"""Named metrics from Prometheus: one query a metric for the whole fleet."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from davylamp.errors import DavylampError, Refused, Unreachable
from davylamp.judge.named_metrics import MetricKind, NamedReading
from davylamp.signals.envoy_stats import cluster_name
from davylamp.signals.prometheus_growth import Growth
from davylamp.signals.prometheus_metrics import NamedMetric, NamedReadings
from davylamp.signals.prometheus_query import Prometheus, PromQL, Row
from davylamp.signals.prometheus_reading import (
    lacks_numerator,
    metric_query,
    read_at,
    value_of,
    values_of,
)
from davylamp.signals.protocol import Watched

_Series = tuple[NamedMetric, str]
"""A metric, and the build it was asked about."""
_Answer = list[Row] | DavylampError


class NamedReader:
    """Not for several threads at once: it remembers the last readings."""

    def __init__(self, prometheus: Prometheus, *, budget_seconds: float = 3.0) -> None:
        """Metrics that are not asked for within the budget have to wait for the next tick."""
        self._prometheus = prometheus
        self._budget_seconds = budget_seconds
        self._growths: dict[_Series, Growth] = {}
        self._read_at: dict[_Series, float] = {}

    def read_named(
        self, metrics: Collection[NamedMetric], watched: Collection[Watched]
    ) -> NamedReadings:
        """One metric that can't be read is a problem of its own. Raises `Unreachable` when
        Prometheus answers none at all."""
        found = NamedReadings({}, {})
        if not watched or not metrics:
            return found
        sides = {cluster_name(side): side for side in watched}
        queries = {metric: metric_query(metric) for metric in metrics}
        self._forget_all_but(metrics, sides)
        answers = self._ask_all(queries.values())
        for metric, query in queries.items():
            answer = answers[query.text]
            if isinstance(answer, DavylampError):
                found.problems[metric.name] = str(answer)
            elif lacks_numerator(metric, answer):
                found.problems[metric.name] = "its numerator finds nothing, for no service at all"
            else:
                self._take(metric, answer, sides, found)
        return found

    def _ask_all(self, queries: Collection[PromQL]) -> dict[str, _Answer]:
        """By query: what several services share is asked once."""
        give_up_at = time.monotonic() + self._budget_seconds
        answers: dict[str, _Answer] = {}
        for query in queries:
            if query.text in answers:
                continue
            if answers and time.monotonic() > give_up_at:
                answers[query.text] = Refused("not asked for: the metrics before it took too long")
                continue
            try:
                answers[query.text] = self._prometheus.ask(query)
            except DavylampError as error:
                answers[query.text] = error
        failures = [answer for answer in answers.values() if isinstance(answer, DavylampError)]
        if len(failures) == len(answers) and isinstance(failures[0], Unreachable):
            raise failures[0]
        return answers

    def _take(
        self,
        metric: NamedMetric,
        rows: Sequence[Row],
        sides: Mapping[str, Watched],
        found: NamedReadings,
    ) -> None:
        of_build: dict[str, list[Row]] = {}
        for row in rows:
            of_build.setdefault(metric.labels.build_of(row), []).append(row)
        for build, side in sides.items():
            if build not in of_build or metric.service not in ("", side.service):
                continue
            try:
                reading = self._reading(metric, build, of_build[build])
            except ValueError as error:
                found.problems[metric.name] = f"{build}: {error}"
                continue
            if reading:
                key = (side.service, side.role, side.release_id)
                found.of.setdefault(key, {})[metric.name] = reading

    def _reading(self, metric: NamedMetric, build: str, rows: Sequence[Row]) -> NamedReading | None:
        """None when there is nothing new."""
        series = (metric, build)
        values, at = values_of(rows), read_at(metric, rows)
        if not values or at is None or at <= self._read_at.get(series, 0.0):
            return None
        growth = self._growths.get(series, Growth())
        if metric.kind is not MetricKind.GAUGE:
            growth = growth.then(values)
        self._growths[series], self._read_at[series] = growth, at
        value = value_of(metric.kind, values, growth)
        return NamedReading(at, value) if value else None

    def _forget_all_but(self, metrics: Collection[NamedMetric], builds: Collection[str]) -> None:
        for memory in (self._growths, self._read_at):
            for series in [s for s in memory if s[0] not in metrics or s[1] not in builds]:
                del memory[series]
