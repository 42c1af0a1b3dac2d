"""How soon is harm excluded? The judge's own tests of harmlessness, on a healthy build."""

from __future__ import annotations

import numpy as np

from davylamp.judge.plan_cases import PART, SEED, place_of
from davylamp.judge.plan_judges import HealthJudges
from davylamp.judge.plan_traffic import Traffic
from davylamp.judge.sample import Floats
from davylamp.judge.sequential.policy import SequentialPolicy

HEALTHY = 32
"""Healthy releases simulated: the 95 % mark is the 31st."""
_HOPELESS = 1 / 6
"""With less than this part of the evidence at half-time the middle one of all releases won't have
it in the end, let alone 95 %: evidence comes slowly first, but then steadily."""


def seconds_to_promote(
    canary_rps: Floats,
    error_rate: float,
    policy: SequentialPolicy,
    horizon_seconds: float,
    replicates: int = HEALTHY,
) -> Floats:
    """(G, replicates) seconds from the start until PROMOTE could be said; inf where never.

    `canary_rps` (G,) on each of candidate and baseline. Ends once 95 % of every case could, or
    clearly won't.
    """
    rng = np.random.default_rng(SEED)
    traffic = Traffic.of(np.repeat(canary_rps, replicates), error_rate)
    judges = HealthJudges(traffic.shape, policy, np.zeros(len(canary_rps) * replicates))
    found = np.full((len(canary_rps), replicates), np.inf)
    for t in range(1, int(horizon_seconds) + 1):
        look = judges.feed(traffic.second(rng))
        found[look.is_promotable.reshape(found.shape) & np.isinf(found)] = t
        is_done = np.isfinite(found).sum(axis=1) > place_of(PART, replicates)
        if t == int(horizon_seconds / 2):
            have = np.nanmin(look.safe, axis=1).reshape(found.shape)
            is_done |= np.median(have, axis=1) < _HOPELESS * np.log(policy.safe_evidence)
        if is_done.all():
            break
    return found
