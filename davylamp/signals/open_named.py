"""The reader of named metrics that the settings allow: there is one where Prometheus is known."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from davylamp.catalog.model import Service
from davylamp.settings import Settings
from davylamp.signals.prometheus_metrics import BuildLabels, NamedMetric, NamedReadings
from davylamp.signals.protocol import Watched


class NamedSource(Protocol):
    """Reads all named metrics of the fleet: one query a metric."""

    def read_named(
        self, metrics: Collection[NamedMetric], watched: Collection[Watched]
    ) -> NamedReadings:
        """What is new of each. Raises `Unreachable`."""
        ...


def open_named(settings: Settings) -> NamedSource | None:
    """None where no Prometheus is configured. It has a connection of its own: one that is slow
    for a metric must not be for the requests."""
    if not settings.prometheus_url:
        return None
    # here, since it brings pandas with it
    from davylamp.signals.open import prometheus_access
    from davylamp.signals.prometheus_named import NamedReader
    from davylamp.signals.prometheus_query import Prometheus

    return NamedReader(Prometheus(prometheus_access(settings)))


def metrics_of(service: Service) -> list[NamedMetric]:
    """What the catalog names, as queries."""
    return [
        NamedMetric(
            name=metric.name,
            kind=metric.kind,
            service=service.name,
            query=metric.query,
            numerator=metric.numerator,
            denominator=metric.denominator,
            scraped=metric.scraped,
            labels=BuildLabels(**metric.labels.model_dump()),
            direction=metric.direction,
            margin=metric.margin,
            weight=metric.weight,
            critical=metric.critical,
        )
        for metric in service.judge.metrics
    ]
