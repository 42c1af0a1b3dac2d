"""From samples as they are read to ticks in which all sides stand beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Floats, Role, Sample, Series, series_of
from davylamp.judge.sequential.tick import Tick, counts_of, known_of

SIDES = (Role.CANDIDATE, Role.BASELINE, Role.STABLE)
"""In the order of the sequential judge's axis of sides."""
Rows = Mapping[Role, Series]
"""One tick: a series of one row for every side that is known in it."""
_LONGEST_GAP = 30


@dataclass
class Readings:
    """Puts samples that were read together into one tick, and says where ticks are missing."""

    _last: dict[Role, Sample] = field(default_factory=dict[Role, Sample])
    _at: float | None = None

    def take(self, news: Mapping[Role, Sequence[Sample]]) -> Iterator[Rows]:
        """Ticks of about a second, oldest first; an empty one for each second without a reading.

        Nothing comes before the candidate's first request. What is older than what was taken
        already is left out.
        """
        moments: dict[float, dict[Role, Sample]] = {}
        for role, samples in news.items():
            for sample in samples:
                moments.setdefault(sample.at, {})[role] = sample
        for at in sorted(moments):
            yield from self._moment(at, moments[at])

    def _moment(self, at: float, samples: Mapping[Role, Sample]) -> Iterator[Rows]:
        if self._at is not None and at <= self._at:
            return
        found = {role: self._row(role, sample) for role, sample in samples.items()}
        rows = {role: row for role, row in found.items() if len(row)}
        if self._at is None and not _has_traffic(rows.get(Role.CANDIDATE)):
            return
        if self._at is not None:
            missed = min(round(at - self._at) - 1, _LONGEST_GAP)
            yield from ({} for _ in range(missed))
        self._at = at
        yield rows

    def _row(self, role: Role, sample: Sample) -> Series:
        """What happened since the last reading; empty where nobody can say."""
        last, self._last[role] = self._last.get(role), sample
        return series_of([last, sample] if last is not None else [])


def _has_traffic(row: Series | None) -> bool:
    return row is not None and bool(row.started[0] > 0 or row.completed[0] > 0)


def tick_of(rows: Rows, sides: int) -> Tick:
    """A tick of one release for the sequential judge; sides without a row are not known."""
    of = [rows.get(role) for role in SIDES[:sides]]

    def column(name: str, unknown: float) -> Floats:
        shape = (len(LATENCY_BOUNDS_MS) + 1,) if name == "latency" else ()
        blank = np.full(shape, unknown)
        return np.stack([blank if row is None else getattr(row, name)[0] for row in of])[None]

    def count(name: str) -> Floats:
        return counts_of(column(name, 0.0))

    def known(name: str) -> Floats:
        return known_of(column(name, np.nan))

    nothing = np.zeros((1, 0))
    return Tick(
        known=np.array([[row is not None for row in of]]),
        completed=count("completed"),
        failed=count("failed"),
        client_errors=count("client_errors"),
        latency=count("latency"),
        cpu_seconds=known("cpu_seconds"),
        memory_bytes=known("memory_bytes"),
        started=known("started"),
        in_flight=known("in_flight"),
        restarts=count("restarts"),
        slice_completed=nothing,
        slice_failed=nothing,
        slice_latency=np.zeros((1, 0, 1)),
    )


def usual_row(series: Series) -> Series:
    """The mean tick of what a side did earlier, to hold later ticks against."""

    def mean(column: Floats) -> Floats:
        return counts_of(column).sum(axis=0, keepdims=True) / max(len(series), 1)

    completed = mean(series.completed)
    failed = mean(series.failed)
    unknown = np.full(1, np.nan)
    return Series(
        at=np.zeros(1),
        seconds=np.ones(1),
        started=completed,
        succeeded=completed - failed,
        failed=failed,
        client_errors=mean(series.client_errors),
        latency=mean(series.latency),
        in_flight=unknown,
        cpu_seconds=unknown,
        memory_bytes=unknown,
        restarts=np.zeros(1),
    )
