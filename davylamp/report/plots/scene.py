"""Scene: all that is drawn of a release at one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Series
from davylamp.judge.track import EvidenceTrack


@dataclass(frozen=True)
class Mark:
    """Something that happened to the release, at a moment in Unix seconds."""

    at: float
    text: str


@dataclass(frozen=True)
class Scene:
    """What the sides did and how the evidence went. Sides may be missing or empty."""

    sides: Mapping[Role, Series]
    track: EvidenceTrack | None = None
    marks: tuple[Mark, ...] = ()
    bounds_ms: tuple[float, ...] = field(default=LATENCY_BOUNDS_MS, repr=False)

    def shown(self) -> dict[Role, Series]:
        """The sides that had a request, those that are compared first."""
        order = (Role.CANDIDATE, Role.BASELINE, Role.STABLE)
        found = {role: self.sides[role] for role in order if role in self.sides}
        return {role: one for role, one in found.items() if total(one.completed) > 0}

    @property
    def is_empty(self) -> bool:
        return not self.shown() and not (self.track and len(self.track))

    @property
    def began(self) -> float:
        """When the first tick of the comparison began (Unix seconds): zero of all time axes."""
        compared = [one for role, one in self.shown().items() if role is not Role.STABLE]
        starts = [float(one.at[0] - one.seconds[0]) for one in compared]
        if self.track is not None and len(self.track):
            starts.append(float(self.track.at[0]) - 1.0)
        known = [at for at in starts if math.isfinite(at)]
        return min(known, default=0.0)

    @property
    def ended(self) -> float:
        """When the last tick of anything that is shown ended (Unix seconds)."""
        ends = [float(one.at[-1]) for one in self.shown().values()]
        if self.track is not None and len(self.track):
            ends.append(float(self.track.at[-1]))
        return max((at for at in ends if math.isfinite(at)), default=0.0)


def total(column: object) -> float:
    """The sum of what is known."""
    import numpy as np

    return float(np.nansum(np.asarray(column, dtype=np.float64)))
