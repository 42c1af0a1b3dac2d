"""Users of simulated releases: a Source whose counters grow as those of a real service would."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.signals.protocol import Watched

_REQUESTS = {Role.STABLE: 180, Role.BASELINE: 20, Role.CANDIDATE: 20}
"""In a second. That the candidate's grow with its share changes no row's size by much."""
_SHARES = np.exp(-0.5 * ((np.arange(len(LATENCY_BOUNDS_MS) + 1) - 15) / 3) ** 2)
_SHARES /= _SHARES.sum()
"""Of answers by latency bucket."""
_Counts = npt.NDArray[np.int64]


@dataclass
class SimulatedSource:
    """Implements `Source`, at the moment `at` (Unix seconds)."""

    at: float = 0.0
    failing: dict[int, float] = field(default_factory=dict[int, float])
    """Release → share of its candidate's requests that fail."""
    _served: dict[tuple[int, Role], _Counts] = field(default_factory=dict)
    _latency: dict[tuple[int, Role], _Counts] = field(default_factory=dict)
    _dice: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def read(self, watched: Collection[Watched]) -> list[Sample]:
        return [self._sample(one) for one in watched]

    def _sample(self, one: Watched) -> Sample:
        key, requests = (one.release_id, one.role), _REQUESTS[one.role]
        share = self.failing.get(one.release_id, 0.0) if one.role is Role.CANDIDATE else 0.001
        failed = self._dice.binomial(requests, share)
        served = self._served.setdefault(key, np.zeros(2, dtype=np.int64))
        served += (requests - failed, failed)
        latency = self._latency.setdefault(key, np.zeros(len(_SHARES), dtype=np.int64))
        latency += self._dice.multinomial(requests, _SHARES)
        return Sample(
            service=one.service,
            role=one.role,
            release_id=one.release_id,
            at=self.at,
            started=int(served.sum()),
            succeeded=int(served[0]),
            failed=int(served[1]),
            responses=(0, int(served[0]), 0, 0, int(served[1])),
            latency=tuple(int(n) for n in latency),
            in_flight=2,
        )
