"""Envoy's statistics document → counters by cluster. Pure.

Reads `/stats?format=json&histogram_buckets=disjoint`: a quarter of the bytes of the Prometheus
text, and buckets that aren't cumulative.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from davylamp.judge.sample import LATENCY_BOUNDS_MS

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
PLAIN = (
    "total",
    "active",
    "cancelled",
    "pending_active",
    "pending_failure_eject",
    "pending_overflow",
    "active_overflow",
    *CLASSES,
)
"""What is read of `upstream_rq_…`."""
PER_ENDPOINT = ("total", "success", "error")
"""What is read of `endpoint.<address>.rq_…`."""

_PREFIX = "cluster."


@dataclass(frozen=True)
class Attempts:
    """What an endpoint has seen: sent to it, answered below 500, failed in any way.

    A refused connection counts as an error and not in `total`: nothing was sent.
    """

    total: int = 0
    success: int = 0
    error: int = 0

    def __add__(self, other: Attempts) -> Attempts:
        return Attempts(
            self.total + other.total, self.success + other.success, self.error + other.error
        )

    def went_back(self, earlier: Attempts) -> bool:
        return (
            self.total < earlier.total
            or self.success < earlier.success
            or self.error < earlier.error
        )


@dataclass(frozen=True)
class Counters:
    """One cluster as Envoy counts it."""

    plain: Mapping[str, int] = field(default_factory=dict[str, int])
    """`upstream_rq_<name>`, and `none_healthy`."""
    endpoints: Mapping[str, Attempts] = field(default_factory=dict[str, Attempts])
    latency: tuple[int, ...] = (0,) * (len(LATENCY_BOUNDS_MS) + 1)

    def count(self, name: str) -> int:
        return self.plain.get(name, 0)

    @property
    def answers(self) -> tuple[int, ...]:
        """By class, as users got them; those Envoy made up itself too."""
        return tuple(self.count(name) for name in CLASSES)

    @property
    def refused(self) -> int:
        """Attempts never sent that an endpoint counts as its errors: no connection, or too many
        requests on it."""
        return self.count("pending_failure_eject") + self.count("active_overflow")

    @property
    def unplaced(self) -> int:
        """Attempts never sent that no endpoint counts: none was fit, the queue was full, or the
        time was up before a connection was."""
        names = ("none_healthy", "pending_overflow", "cancelled")
        return sum(self.count(name) for name in names)


def parse_stats(document: Mapping[str, Any]) -> dict[str, Counters]:
    """Counters by cluster name. Raises KeyError, TypeError or ValueError when it isn't one."""
    plain: dict[str, dict[str, int]] = {}
    endpoints: dict[str, dict[str, dict[str, int]]] = {}
    latency: dict[str, tuple[int, ...]] = {}
    for entry in cast("list[dict[str, Any]]", document["stats"]):
        if "histograms" in entry:
            latency |= _histograms(entry["histograms"])
            continue
        cluster, statistic = _split(entry["name"])
        if statistic.startswith("endpoint."):
            address, _, name = statistic.removeprefix("endpoint.").rpartition(".rq_")
            if address and name in PER_ENDPOINT:
                seen = endpoints.setdefault(cluster, {}).setdefault(address, {})
                seen[name] = int(entry["value"])
        elif name := _plain_name(statistic):
            plain.setdefault(cluster, {})[name] = int(entry["value"])
    return {
        cluster: Counters(
            plain.get(cluster, {}),
            {address: Attempts(**seen) for address, seen in endpoints.get(cluster, {}).items()},
            latency.get(cluster, Counters.latency),
        )
        for cluster in plain.keys() | endpoints.keys()
    }


def _split(name: str) -> tuple[str, str]:
    """`cluster.checkout_stable.upstream_rq_total` → its cluster and the rest."""
    if not name.startswith(_PREFIX):
        return "", ""
    cluster, _, statistic = name[len(_PREFIX) :].partition(".")
    return cluster, statistic


def _plain_name(statistic: str) -> str:
    if statistic == "upstream_cx_none_healthy":
        return "none_healthy"
    name = statistic.removeprefix("upstream_rq_")
    return name if name != statistic and name in PLAIN else ""


def _histograms(found: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    named = ((*_split(h["name"]), h["buckets"]) for h in found)
    return {c: _fold(buckets) for c, statistic, buckets in named if statistic == "upstream_rq_time"}


def _fold(buckets: list[dict[str, Any]]) -> tuple[int, ...]:
    """Envoy's buckets into ours. Should theirs be coarser, a count goes where its upper edge
    lies: slower than it was, never faster."""
    counts = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    for bucket in buckets:
        if bucket["cumulative"]:  # since the start; "interval" is since the last flush
            edge = bisect_left(LATENCY_BOUNDS_MS, float(bucket["upper_bound"]) - 1e-6)
            counts[edge] += int(bucket["cumulative"])
    return tuple(counts)
