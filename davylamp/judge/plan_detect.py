"""How soon are errors seen? The judge's own tests of errors, on independent requests."""

from __future__ import annotations

import numpy as np

from davylamp.judge.plan_cases import PART, REPLICATES, SEED, Cases, place_of
from davylamp.judge.plan_judges import ErrorJudges
from davylamp.judge.sample import Floats
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.share_test import Events
from davylamp.judge.sequential.tick import Bools

_TIDY_EVERY = 16
"""Ticks after which the cases that are done with are left out."""


def seconds_to_detect(
    cases: Cases, policy: SequentialPolicy, horizon_seconds: float, replicates: int = REPLICATES
) -> Floats:
    """(G, replicates) seconds from each case's onset to ROLLBACK; inf where not in the horizon.

    A case ends as soon as 95 % of its replicates are seen; the others then stay at inf.
    """
    rng = np.random.default_rng(SEED)
    found = np.full(len(cases) * replicates, np.inf)
    spread = cases.repeated(replicates)
    rows = np.arange(len(found))
    judges = ErrorJudges(len(found), policy)
    for t in range(1, int(horizon_seconds + cases.onset_seconds.max()) + 1):
        harm = judges.harm_after(errors_of_a_second(rng, spread, t))
        since = t - spread.onset_seconds
        is_new = (harm >= -np.log(policy.alpha)) & (since > 0) & (since <= horizon_seconds)
        found[rows[is_new]] = np.minimum(found[rows[is_new]], since[is_new])
        if t % _TIDY_EVERY and not is_new.any():
            continue
        goes_on = _goes_on(found.reshape(-1, replicates))[rows // replicates]
        if not goes_on.any():
            break
        if t % _TIDY_EVERY == 0 and not goes_on.all():
            judges.keep(goes_on)
            rows, spread = rows[goes_on], spread.only(goes_on)
    return found.reshape(-1, replicates)


def errors_of_a_second(rng: np.random.Generator, cases: Cases, t: int) -> Events:
    """Requests that come as they like (Poisson) and fail each for itself: (G, 1)."""
    base = np.full(len(cases), cases.base_error_rate)
    rates = np.stack([np.where(t > cases.onset_seconds, cases.error_rate, base), base])
    failed = rng.poisson(cases.canary_rps * rates).astype(np.float64)
    well = rng.poisson(cases.canary_rps * (1.0 - rates)).astype(np.float64)
    return Events(*(v[:, None] for v in (*failed, *(failed + well))))


def _goes_on(found: Floats) -> Bools:
    """(G,): cases of which fewer than 95 % are seen."""
    return np.isfinite(found).sum(axis=1) <= place_of(PART, found.shape[1])
