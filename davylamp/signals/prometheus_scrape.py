"""Rows of Prometheus → what each Envoy counted, scrape by scrape. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from davylamp.judge.sample import LATENCY_BOUNDS_MS
from davylamp.signals import prometheus_promql as promql
from davylamp.signals.envoy_counters import PER_ENDPOINT, Attempts, Counters
from davylamp.signals.prometheus_query import Row


@dataclass(frozen=True)
class Scrape:
    """One Envoy at one moment."""

    at: float
    """Unix seconds, by Prometheus's clock, when it was scraped."""
    clusters: Mapping[str, Counters]
    uptime_seconds: float | None = None
    unreadable: frozenset[str] = frozenset()
    """Clusters with a figure that is none: NaN, or buckets that don't add up."""


class ScrapedTwice(Exception):
    """The same Envoy stands in Prometheus more than once: sums would count it double."""


@dataclass
class _Raw:
    """One cluster of one Envoy while its rows come in."""

    at: float = 0.0
    plain: dict[str, float] = field(default_factory=dict[str, float])
    endpoints: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    buckets: dict[float, float] = field(default_factory=dict[float, float])


def scrapes_of(rows: Iterable[Row]) -> dict[str, Scrape]:
    """The newest scrape by Envoy (its `instance` label). Raises `ScrapedTwice`."""
    raw: dict[str, dict[str, _Raw]] = {}
    uptime: dict[str, float] = {}
    for row in rows:
        instance, name = row.label(promql.INSTANCE), row.label("__name__")
        if name == promql.UPTIME:
            uptime[instance] = row.value
            continue
        of_instance = raw.setdefault(instance, {})
        cluster = of_instance.setdefault(row.label(promql.CLUSTER), _Raw())
        if name != promql.SCRAPED_AT:
            _take(cluster, name, row)
        elif cluster.at:
            raise ScrapedTwice(instance)
        else:
            cluster.at = row.value
    return {
        instance: _scrape(clusters, uptime.get(instance))
        for instance, clusters in raw.items()
        if any(found.at for found in clusters.values())
    }


def _take(into: _Raw, name: str, row: Row) -> None:
    if name == promql.BUCKET:
        into.buckets[_edge(row.label("le"))] = row.value
    elif name == promql.BY_CLASS:
        into.plain[f"{row.label(promql.CLASS)}xx"] = row.value
    elif name == promql.NONE_HEALTHY:
        into.plain["none_healthy"] = row.value
    elif name.startswith(promql.PREFIX_ENDPOINT):
        seen = into.endpoints.setdefault(
            row.label(promql.ENDPOINT), dict.fromkeys(PER_ENDPOINT, 0.0)
        )
        seen[name.removeprefix(promql.PREFIX_ENDPOINT)] = row.value
    else:
        into.plain[name.removeprefix(promql.PREFIX_PLAIN)] = row.value


def _edge(le: str) -> float:
    """`1`, `1.0` and Envoy's `6.200000000000000177635683940025`; `+Inf` too."""
    try:
        return float(le)
    except ValueError:
        return math.nan  # makes the histogram unreadable, below


def _scrape(raw: Mapping[str, _Raw], uptime: float | None) -> Scrape:
    """What has an older time than the rest was not in the newest scrape: Prometheus goes on
    showing it for five minutes when it was itself away as the cluster went."""
    newest = max(found.at for found in raw.values())
    clusters: dict[str, Counters] = {}
    unreadable: set[str] = set()
    for name, found in raw.items():
        if found.at < newest:
            continue
        try:
            clusters[name] = _counters(found)
        except (ValueError, OverflowError):
            unreadable.add(name)
    return Scrape(newest, clusters, uptime, frozenset(unreadable))


def _counters(raw: _Raw) -> Counters:
    return Counters(
        {name: _whole(value) for name, value in raw.plain.items()},
        {
            address: Attempts(*(_whole(seen[name]) for name in PER_ENDPOINT))
            for address, seen in raw.endpoints.items()
        },
        disjoint(raw.buckets),
    )


def _whole(value: float) -> int:
    found = int(value)  # ValueError for NaN, OverflowError for infinity
    if found < 0:
        raise ValueError(f"a counter below zero: {value}")
    return found


def disjoint(cumulative: Mapping[float, float]) -> tuple[int, ...]:
    """Counts by `le` (ms), each with all below it, into `LATENCY_BOUNDS_MS`' own buckets.

    A coarser histogram puts a count where its upper edge lies: slower than it was, never faster.
    Raises ValueError when they can't be counts of one moment, or nothing says how many there are.
    """
    counts = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    if not cumulative:
        return tuple(counts)
    edges = sorted((edge, _whole(value)) for edge, value in cumulative.items())
    if edges[-1][0] != math.inf or any(map(math.isnan, cumulative)):
        raise ValueError("no bucket +Inf, or one without a number")
    for (_, below), (edge, upto) in pairwise([(0.0, 0), *edges]):
        if upto < below:
            raise ValueError(f"the bucket up to {edge} holds fewer than the one before")
        counts[bisect_left(LATENCY_BOUNDS_MS, edge - 1e-6)] += upto - below
    return tuple(counts)
