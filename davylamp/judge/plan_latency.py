"""How soon is slowness seen? The whole judge, on a candidate whose answers take longer."""

from __future__ import annotations

import numpy as np

from davylamp.judge.plan_cases import PART, SEED, place_of
from davylamp.judge.plan_traffic import Traffic
from davylamp.judge.sample import Floats
from davylamp.judge.sequential.judges import Judges
from davylamp.judge.sequential.policy import SequentialPolicy

SLOW = 32
"""Slow releases simulated of each case."""


def seconds_to_detect_slowness(
    canary_rps: float,
    error_rate: float,
    factor: float,
    policy: SequentialPolicy,
    horizon_seconds: float,
    replicates: int = SLOW,
) -> Floats:
    """(1, replicates) seconds from when every answer takes `factor` times as long to ROLLBACK.

    Both sides fail at `error_rate`, and are alike through the warm-up; inf where not in the
    horizon. Ends once 95 % are seen.
    """
    rng = np.random.default_rng(SEED)
    traffic = Traffic.of(np.full(replicates, canary_rps), error_rate, factor)
    judges = Judges(traffic.shape, policy, np.zeros(replicates))
    found = np.full(replicates, np.inf)
    onset = int(policy.warm_up_seconds)
    for _ in range(onset):
        judges.feed(traffic.second(rng, is_slow=False))
    for t in range(1, int(horizon_seconds) + 1):
        found[judges.feed(traffic.second(rng)).is_harmful & np.isinf(found)] = t
        if np.isfinite(found).sum() > place_of(PART, replicates):
            break
    return found[None]
