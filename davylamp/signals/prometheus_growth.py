"""Counters of several rows that add up to one that only grows. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from davylamp.signals.prometheus_query import Row

Key = frozenset[tuple[str, str]]
"""Labels and their values."""


@dataclass(frozen=True)
class Counter:
    """`kept` stands for what was counted before a restart."""

    value: float
    kept: float = 0.0

    @property
    def total(self) -> float:
        return self.kept + self.value

    def then(self, value: float) -> Counter:
        """One that fell was started anew: how much it counted in between is not known, and its
        total stands still."""
        fell = value < self.value
        return Counter(value, max(self.total - value, 0.0) if fell else self.kept)


@dataclass(frozen=True)
class Growth:
    """What one metric has counted on one side, row by row. A row that vanished stays counted; a
    new one counts from its first value on, as a new copy's does."""

    counters: Mapping[Key, Counter] = field(default_factory=dict[Key, Counter])
    was_interrupted: bool = False
    """Something was started anew since the last reading: this tick can't be known."""

    def then(self, rows: Iterable[Row]) -> Growth:
        counters, interrupted = dict(self.counters), False
        for row in rows:
            key = frozenset(row.labels.items())
            before = counters.get(key)
            interrupted |= before is not None and row.value < before.value
            counters[key] = before.then(row.value) if before else Counter(row.value)
        return Growth(counters, interrupted)

    def total(self, label: str, value: str) -> float | None:
        """Of all rows that have this label; None when there are none."""
        found = [c.total for key, c in self.counters.items() if (label, value) in key]
        return sum(found) if found else None

    def buckets(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Upper edges without the last, +Inf, and disjoint counts. Raises ValueError when the
        rows are no histogram."""
        copies: dict[Key, dict[float, float]] = {}
        for key, counter in self.counters.items():
            labels = dict(key)
            edge = float(labels.pop("le", "nan"))  # "1", "1.0" and "+Inf" alike
            copies.setdefault(frozenset(labels.items()), {})[edge] = counter.total
        edges = [sorted(copy) for copy in copies.values()]
        if not edges or edges[0][-1] != math.inf or any(map(math.isnan, edges[0])):
            raise ValueError("no bucket +Inf: keep `le` in the query's `by (…)`")
        if any(other != edges[0] for other in edges):
            raise ValueError("its copies have different buckets")
        upto = [sum(copy[edge] for copy in copies.values()) for edge in edges[0]]
        counts = tuple(b - a for a, b in pairwise([0.0, *upto]))
        if min(counts) < 0:
            raise ValueError("a bucket that holds fewer than the one below it")
        return tuple(edges[0][:-1]), counts
