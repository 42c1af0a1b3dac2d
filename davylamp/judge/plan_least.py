"""The least that is enough: the smallest error rate that is seen, the least traffic."""

from __future__ import annotations

import numpy as np

from davylamp.judge.plan_cases import Cases, mark
from davylamp.judge.plan_detect import seconds_to_detect
from davylamp.judge.plan_objective import Objective
from davylamp.judge.plan_promote import seconds_to_promote
from davylamp.judge.sample import Floats
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.tick import Bools

_STEPS, _REPLICATES = 8, 24


def detectable_error_rate(
    rps: float,
    objective: Objective,
    policy: SequentialPolicy,
    window_seconds: float,
    is_seen: bool,
) -> float | None:
    """The smallest error rate for which 95 % of bad candidates are rolled back in the window.

    They are bad from their first second, and get `rps` requests/s. `is_seen` says whether the
    objective's own rate is. One of eight rates between what is known to be enough and what is
    known not to be; None where not even certain failure is.
    """
    allowed = objective.allowed_error_rate(policy)
    wanted = objective.detect_error_rate
    low, high = (allowed, wanted) if is_seen else (max(allowed, wanted), 1.0)
    if low >= high:
        return wanted if is_seen else None
    rates = np.geomspace(low, high, _STEPS + 1)[1:]
    found = _detection(np.full(_STEPS, rps), rates, objective, policy, window_seconds)
    return _first_of_all(rates, found <= window_seconds) or (wanted if is_seen else None)


def least_rps(
    objective: Objective,
    policy: SequentialPolicy,
    window_seconds: float,
    low: float,
    high: float,
) -> float | None:
    """The least requests/s on the candidate that show the harm, and let a healthy build through.

    One of eight rates above `low`, of which it is known that it isn't enough, up to `high`; None
    where not even that is.
    """
    if objective.detect_error_rate <= objective.allowed_error_rate(policy):
        return None
    rps = np.geomspace(low, high, _STEPS + 1)[1:]
    wanted = np.full(_STEPS, objective.detect_error_rate)
    is_seen = _detection(rps, wanted, objective, policy, window_seconds) <= window_seconds
    if not is_seen[-1]:
        return None
    promote = seconds_to_promote(rps, objective.base_error_rate, policy, window_seconds)
    return _first_of_all(rps, is_seen & (mark(promote) <= window_seconds))


def _detection(
    rps: Floats, rates: Floats, objective: Objective, policy: SequentialPolicy, ahead: float
) -> Floats:
    """(G,) seconds to 95 % detection of candidates that are bad from their first second."""
    cases = Cases(rps, rates, objective.base_error_rate, np.zeros(len(rps)))
    return mark(seconds_to_detect(cases, policy, ahead, _REPLICATES))


def _first_of_all(values: Floats, is_enough: Bools) -> float | None:
    """The one from which on all are enough."""
    missed = np.flatnonzero(~is_enough)
    first = int(missed[-1]) + 1 if missed.size else 0
    return float(values[first]) if first < len(values) else None
