"""The keeper's other tick: the named metrics of all active releases, into the ledger.

It has a thread of its own. Whatever goes wrong with them, the requests are sampled as ever.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace

import structlog
from pydantic import ValidationError

from davylamp.errors import Unreachable
from davylamp.judge.named_metrics import NamedTick
from davylamp.judge.sample import Role
from davylamp.ledger.named import write_named
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.rollout.entry import entry_of
from davylamp.signals.open_named import NamedSource, metrics_of
from davylamp.signals.prometheus_metrics import NamedMetric, NamedReadings
from davylamp.signals.protocol import Watched

_log = structlog.get_logger("keeper")
_Problems = dict[tuple[str, str], str]
"""By service and metric."""


class NamedSampler:
    """Not for several threads at once: it remembers what it has complained about."""

    def __init__(self, ledger: Ledger, source: NamedSource) -> None:
        self._ledger, self._source = ledger, source
        self._told: _Problems = {}

    def sample(self, releases: Collection[Release]) -> None:
        """Read once, for all of these releases together, and write down what is new of each."""
        pairs = [(release, found) for release in releases if (found := _metrics_of(release))]
        if not pairs:
            return
        watched = [Watched(r.service, role, r.id) for r, _ in pairs for role in Role]
        at = time.time()
        readings = self._read([metric for _, found in pairs for metric in found], watched)
        ticks = {r.id: _tick(at, r, found, readings) for r, found in pairs}
        self._tell(
            {(r.service, name): why for r, _ in pairs for name, why in ticks[r.id].problems.items()}
        )
        with self._ledger.begin() as db:
            write_named(db, ticks)

    def _read(
        self, metrics: Collection[NamedMetric], watched: Collection[Watched]
    ) -> NamedReadings:
        """The reader tells metrics by name, and two services may use one: it gets both."""
        full = [replace(metric, name=_full_name(metric)) for metric in metrics]
        try:
            return self._source.read_named(full, watched)
        except Unreachable as error:
            return NamedReadings({}, {metric.name: str(error) for metric in full})

    def _tell(self, problems: _Problems) -> None:
        """What is wrong is logged once, not every second."""
        for (service, name), why in problems.items():
            if (service, name) not in self._told:
                _log.warning("named metric not read", service=service, metric=name, why=why)
        self._told = problems


def _metrics_of(release: Release) -> list[NamedMetric]:
    try:
        return metrics_of(entry_of(release))
    except ValidationError:  # another version of Davylamp wrote it
        return []


def _tick(
    at: float, release: Release, metrics: Collection[NamedMetric], readings: NamedReadings
) -> NamedTick:
    names = {_full_name(metric): metric.name for metric in metrics}
    of = {
        role: {names[full]: reading for full, reading in found.items()}
        for role in Role
        if (found := readings.of.get((release.service, role, release.id)))
    }
    return NamedTick(at, of, _renamed(readings.problems, names))


def _renamed(problems: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {names[full]: why for full, why in problems.items() if full in names}


def _full_name(metric: NamedMetric) -> str:
    return f"{metric.service}/{metric.name}"
