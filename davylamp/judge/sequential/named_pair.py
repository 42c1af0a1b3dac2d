"""From readings of counters to what both sides counted over about the same time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from davylamp.judge.named_metrics import (
    HistogramReading,
    MetricKind,
    NamedReading,
    RatioReading,
    Value,
)
from davylamp.judge.sample import Floats

_PATIENCE_SECONDS = 60.0
"""What one side counted waits so long for the other's figures, then it is forgotten."""


@dataclass
class _Side:
    last: NamedReading | None = None
    waiting: Floats | None = None
    since: float = 0.0


@dataclass
class Pairing:
    """Two sides are scraped at different moments: figures of one wait for those of the other."""

    kind: MetricKind
    _sides: tuple[_Side, _Side] = field(default_factory=lambda: (_Side(), _Side()))

    def take(
        self, mine: NamedReading | None, theirs: NamedReading | None
    ) -> tuple[Floats, Floats] | None:
        """Both sides' figures where both have some now; each is given once."""
        for side, reading in zip(self._sides, (mine, theirs), strict=True):
            if reading is not None and (side.last is None or reading.at > side.last.at):
                self._add(side, reading)
        first, second = (side.waiting for side in self._sides)
        if first is None or second is None or min(self._size(first), self._size(second)) <= 0:
            return None
        for side in self._sides:
            side.waiting = None
        return first, second

    def have_read(self) -> tuple[bool, bool]:
        """Whether either side was ever read."""
        first, second = (side.last is not None for side in self._sides)
        return first, second

    def bounds(self) -> tuple[tuple[float, ...], ...]:
        """The bucket bounds of each side whose histogram was read."""
        values = [side.last.value for side in self._sides if side.last is not None]
        return tuple(value.bounds for value in values if isinstance(value, HistogramReading))

    def _add(self, side: _Side, reading: NamedReading) -> None:
        last, side.last = side.last, reading
        figures = self._between(last, reading)
        is_stale = reading.at - side.since > _PATIENCE_SECONDS
        if figures is None:  # what lies between is not known
            side.waiting = None
        elif self.kind is MetricKind.GAUGE or side.waiting is None or is_stale:
            side.waiting, side.since = figures, reading.at
        else:
            side.waiting = side.waiting + figures

    def _between(self, last: NamedReading | None, reading: NamedReading) -> Floats | None:
        """None where nobody can say: the first reading, or a counter that fell."""
        now = _figures(reading.value)
        if not all(map(math.isfinite, now)):
            return None
        if self.kind is MetricKind.GAUGE:
            return np.array(now)
        if last is None or _shape(last.value) != _shape(reading.value):
            return None
        grown = np.subtract(now, _figures(last.value))
        return grown if (grown >= 0).all() else None

    def _size(self, figures: Floats) -> float:
        """Of a ratio all there were, of a histogram all its counts; a level is one figure."""
        if self.kind is MetricKind.GAUGE:
            return 1.0
        counted = figures[1:] if self.kind is MetricKind.COUNTER_RATIO else figures
        return float(counted.sum())


def _figures(value: Value) -> tuple[float, ...]:
    if isinstance(value, RatioReading):
        return (value.numerator, value.denominator)
    return value.counts if isinstance(value, HistogramReading) else (value.value,)


def _shape(value: Value) -> object:
    return value.bounds if isinstance(value, HistogramReading) else type(value)
