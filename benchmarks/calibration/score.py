"""What a judge said of a set of streams, in counts: false alarms, catches, delays, promotions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.calibration.cases import Case


@dataclass(frozen=True)
class Said:
    """One judge's word on one stream. `at_tick` 0-based; `promotable_at` None: never."""

    case: Case
    outcome: str
    at_tick: int | None
    promotable_at: int | None = None

    @property
    def is_false_alarm(self) -> bool:
        """Rolled back though identical, or before the harm began."""
        if self.outcome != "ROLLBACK":
            return False
        return self.case.harm is None or (self.at_tick or 0) < self.case.onset

    @property
    def delay(self) -> int | None:
        """Seconds from onset to roll-back; None where it was not caught."""
        if self.case.harm is None or self.outcome != "ROLLBACK" or self.is_false_alarm:
            return None
        return (self.at_tick or 0) - self.case.onset + 1


@dataclass(frozen=True)
class Score:
    """Counts of one group of streams."""

    streams: int
    false_alarms: int
    caught: int
    promoted: int
    promotable_in_time: int
    """Promotable within 300 s."""
    median: float | None
    ninety: float | None

    @classmethod
    def of(cls, said: Sequence[Said]) -> Score:
        delays = [s.delay for s in said if s.delay is not None]
        soon = [s for s in said if s.promotable_at is not None and s.promotable_at < 300]
        return cls(
            streams=len(said),
            false_alarms=sum(s.is_false_alarm for s in said),
            caught=len(delays),
            promoted=sum(s.outcome == "PROMOTE" for s in said),
            promotable_in_time=len(soon),
            median=float(np.median(delays)) if delays else None,
            ninety=float(np.quantile(delays, 0.9)) if delays else None,
        )

    def document(self) -> dict[str, Any]:
        return vars(self) | {"false_alarm_share": self.false_alarms / max(self.streams, 1)}


def by(said: Sequence[Said], key: Callable[[Case], Any]) -> dict[Any, Score]:
    """One score a group, in the order in which groups appear."""
    groups: dict[Any, list[Said]] = {}
    for s in said:
        groups.setdefault(key(s.case), []).append(s)
    return {name: Score.of(members) for name, members in groups.items()}
