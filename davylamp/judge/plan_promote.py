"""How soon is harm excluded? The judge's own tests of harmlessness, on a healthy build."""

from __future__ import annotations

import numpy as np

from davylamp.judge.plan_cases import PART, SEED, place_of
from davylamp.judge.plan_judges import HealthJudges
from davylamp.judge.plan_traffic import Traffic
from davylamp.judge.sample import Floats
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.tick import Bools

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
            is_done |= _is_hopeless(look.safe.reshape(*found.shape, -1), found, policy)
        if is_done.all():
            break
    return found


def _is_hopeless(safe: Floats, found: Floats, policy: SequentialPolicy) -> Bools:
    """(G,) at half-time: far too little evidence, or all of it and something else forbids."""
    enough = float(np.log(policy.safe_evidence))
    middle = np.median(np.nanmin(safe, axis=2), axis=1)
    is_forbidden = np.isinf(found).all(axis=1) & (middle >= enough)
    return (middle < _HOPELESS * enough) | is_forbidden
