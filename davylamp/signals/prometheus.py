"""Prometheus as a Source: what it scraped of Envoy, in one query a tick for the whole fleet.

A Sample's `at` is the time of the scrape. A scrape that was reported is not reported again, so a
tick that comes before the next scrape gets nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from davylamp.errors import BadInput, Unreachable
from davylamp.judge.sample import Sample
from davylamp.signals.envoy_stats import cluster_name
from davylamp.signals.prometheus_envoys import Envoys
from davylamp.signals.prometheus_promql import counters_query
from davylamp.signals.prometheus_query import Prometheus
from davylamp.signals.prometheus_scrape import Scrape, ScrapedTwice, scrapes_of
from davylamp.signals.protocol import Watched

_AHEAD_SECONDS = 5.0
_OLD_SECONDS = 120.0


class PrometheusSource:
    """Not for several threads at once: it remembers the last scrapes."""

    def __init__(
        self, prometheus: Prometheus, *, selector: str = "", patience_seconds: float = 10.0
    ) -> None:
        """`selector` narrows down which scraped Envoys count (`job="envoy"`). A tick waits
        `patience_seconds` for an Envoy that is not scraped; longer than the scrape interval."""
        self._prometheus = prometheus
        self._selector = selector
        self._envoys = Envoys(patience_seconds)

    @property
    def held(self) -> Mapping[str, str]:
        """Services that the last reading says nothing of, and why."""
        return self._envoys.held

    def read(self, watched: Collection[Watched]) -> list[Sample]:
        """Samples of all services of which there is a new scrape."""
        if not watched:
            return []
        sides = {cluster_name(side): side for side in watched}
        try:
            rows = self._prometheus.ask(counters_query(watched, self._selector))
        except BadInput as error:  # ours to write, but for the selector
            raise Unreachable(f"{error}; is DAVYLAMP_PROMETHEUS_SELECTOR right?") from error
        try:
            scrapes = scrapes_of(rows)
        except ScrapedTwice as error:
            twice = (
                f"has the Envoy {error} more than once: name one with DAVYLAMP_PROMETHEUS_SELECTOR"
            )
            raise Unreachable(self._prometheus.complaint(twice)) from error
        self._refuse_other_times(scrapes, next(iter(sides)))
        return self._envoys.take(scrapes, sides)

    def close(self) -> None:
        self._prometheus.close()

    def _refuse_other_times(self, scrapes: Mapping[str, Scrape], example: str) -> None:
        """Samples are compared with our own times: whose clocks disagree are no evidence."""
        if not scrapes:
            nothing = f"has nothing of Envoy's on any watched build (such as {example})"
            raise Unreachable(self._prometheus.complaint(nothing))
        age = time.time() - max(scrape.at for scrape in scrapes.values())
        if -_AHEAD_SECONDS <= age <= _OLD_SECONDS:
            return
        other = f"scraped Envoy last {age:.0f} s ago: it stopped to, or its clock and ours disagree"
        raise Unreachable(self._prometheus.complaint(other))
