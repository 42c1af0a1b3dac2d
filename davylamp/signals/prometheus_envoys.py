"""Several Envoys as one: which services can be reported right now, and with what sums.

A service is reported when every Envoy that serves it has been scraped since the last report, so
that no tick holds one Envoy's requests twice and another's not at all. Its `at` is the oldest of
those scrapes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from davylamp.judge.sample import Sample
from davylamp.signals.envoy_stats import sample_of
from davylamp.signals.prometheus_parts import Part, added_up, advance, first_part
from davylamp.signals.prometheus_process import Envoy
from davylamp.signals.prometheus_scrape import Scrape
from davylamp.signals.protocol import Watched

_NEVER = float("-inf")


@dataclass
class _Service:
    """What was reported of a service, and when we began to look at it."""

    began: float
    reported_at: float = _NEVER
    used: dict[str, float] = field(default_factory=dict[str, float])
    """Time of the scrape last used, by Envoy."""


class Envoys:
    """Takes in what Prometheus has, and gives out Samples. Remembers; no clock, no I/O."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._envoys: dict[str, Envoy] = {}
        self._parts: dict[str, dict[str, Part]] = {}  # by cluster, then by Envoy
        self._services: dict[str, _Service] = {}
        self.held: dict[str, str] = {}
        """Why a service could not be reported this time, in words."""

    def take(self, scrapes: Mapping[str, Scrape], sides: Mapping[str, Watched]) -> list[Sample]:
        """`scrapes` by Envoy, `sides` by cluster. A scrape known already changes nothing."""
        self._forget_all_but(sides)
        services: dict[str, list[str]] = {}
        for cluster, side in sides.items():
            services.setdefault(side.service, []).append(cluster)
        for name, scrape in scrapes.items():
            self._take_one(name, scrape, sides)
        for service, clusters in services.items():
            newest = max((e.scrape.at for e in self._serving(clusters).values()), default=None)
            if newest is not None:
                self._services.setdefault(service, _Service(newest))
        self.held = {}
        return [
            sample
            for service, clusters in services.items()
            for sample in self._report(service, {c: sides[c] for c in clusters})
        ]

    def _forget_all_but(self, sides: Mapping[str, Watched]) -> None:
        self._parts = {c: parts for c, parts in self._parts.items() if c in sides}
        serving = self._serving(sides)
        self._envoys = {name: envoy for name, envoy in self._envoys.items() if name in serving}
        services = {side.service for side in sides.values()}
        self._services = {s: known for s, known in self._services.items() if s in services}

    def _take_one(self, name: str, scrape: Scrape, sides: Mapping[str, Watched]) -> None:
        before = self._envoys.get(name)
        if before is not None and scrape.at <= before.scrape.at:
            return  # the same again; an older one comes from another Prometheus of a pair
        envoy = before.scraped_again(scrape) if before else Envoy(scrape)
        self._envoys[name] = envoy
        for cluster in scrape.clusters.keys() & sides.keys():
            parts = self._parts.setdefault(cluster, {})
            seen = scrape.clusters[cluster]
            if name in parts:
                parts[name] = advance(parts[name], scrape.at, envoy.process, seen)
            else:
                is_old = self._is_old(scrape, name, sides[cluster].service)
                parts[name] = first_part(scrape.at, envoy.process, seen, is_old=is_old)

    def _is_old(self, scrape: Scrape, name: str, service: str) -> bool:
        """Did this Envoy serve users before we looked, though we meet it only now?"""
        known = self._services.get(service)
        if known is None or name in known.used:
            return False
        return scrape.uptime_seconds is None or scrape.at - scrape.uptime_seconds < known.began

    def _serving(self, clusters: Collection[str]) -> dict[str, Envoy]:
        names = {name for cluster in clusters for name in self._parts.get(cluster, {})}
        return {
            name: envoy
            for name, envoy in self._envoys.items()
            if name in names or not envoy.scrape.unreadable.isdisjoint(clusters)
        }

    def _report(self, service: str, sides: Mapping[str, Watched]) -> list[Sample]:
        serving = self._serving(sides)
        if not serving:
            return []
        newest = max(envoy.scrape.at for envoy in serving.values())
        awaited = {
            name: envoy.scrape
            for name, envoy in serving.items()
            if newest - envoy.scrape.at <= self._patience_seconds
        }
        known = self._services[service]
        at = min(scrape.at for scrape in awaited.values())
        if reason := self._why_not(known, awaited, sides, at):
            self.held[service] = reason
            return []
        was_replaced = self._was_replaced(known, awaited, sides)
        known.used |= {name: scrape.at for name, scrape in awaited.items()}
        known.reported_at = at
        if was_replaced:
            self.held[service] = "an Envoy was started anew: this tick can't be known"
            return []
        return [
            sample
            for cluster, side in sides.items()
            for sample in self._sample(cluster, side, at, awaited)
        ]

    def _why_not(
        self,
        known: _Service,
        awaited: Mapping[str, Scrape],
        sides: Mapping[str, Watched],
        at: float,
    ) -> str:
        """Empty when it can be reported."""
        late = sorted(n for n, scrape in awaited.items() if scrape.at <= known.used.get(n, _NEVER))
        if late:
            return f"no new scrape of {len(late)} of {len(awaited)} Envoys: {late[0]}"
        if at <= known.reported_at:
            return "an Envoy's scrape is older than what was reported last"
        for name, scrape in awaited.items():
            if wrong := sorted(scrape.unreadable & sides.keys()):
                return f"{name} has figures of {wrong[0]} that are no counts"
        return ""

    def _was_replaced(
        self, known: _Service, awaited: Mapping[str, Scrape], sides: Mapping[str, Watched]
    ) -> bool:
        return any(
            part.was_replaced and part.at > known.used.get(name, _NEVER)
            for cluster in sides
            for name, part in self._parts.get(cluster, {}).items()
            if name in awaited
        )

    def _sample(
        self, cluster: str, side: Watched, at: float, awaited: Mapping[str, Scrape]
    ) -> list[Sample]:
        """None when no Envoy has the cluster any more. What Envoys that went away had counted
        stays counted; what was in flight there isn't any longer."""
        parts = self._parts.get(cluster, {})
        present = [p for name, p in parts.items() if name in awaited and p.at == awaited[name].at]
        if not present:
            return []
        in_flight = sum(part.in_flight for part in present)
        return [sample_of(side, at, added_up(parts.values(), in_flight))]
