"""What the judge sees of a service at one canary fraction, and within which time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from davylamp.judge.plan_cases import Cases, mark
from davylamp.judge.plan_detect import seconds_to_detect
from davylamp.judge.plan_latency import seconds_to_detect_slowness
from davylamp.judge.plan_objective import Objective
from davylamp.judge.plan_promote import seconds_to_promote
from davylamp.judge.sequential.policy import SequentialPolicy

FRACTIONS = (0.01, 0.05, 0.10, 0.25, 0.50)
"""Of the service's users on the candidate; as many on the baseline."""
LOOK_AHEAD_SECONDS = 600.0
"""The planner looks at least so far, however short the window."""
_NEVER = float("inf")


@dataclass(frozen=True)
class Sight:
    """Seconds; inf where it doesn't happen within the time that was looked ahead.

    `detect_*` count from the moment the harm begins, on a judge that is past its warm-up;
    `detect_from_start` from the first second of a release whose candidate was bad all along:
    what isn't gross counts only after the warm-up.
    """

    fraction: float
    canary_rps: float
    detect_p50: float = _NEVER
    detect_p95: float = _NEVER
    detect_from_start: float = _NEVER
    promote: float = _NEVER
    """Within which 95 % of healthy builds could be promoted."""
    slowness_p95: float = _NEVER
    """Only looked at where the objective has a latency factor."""

    @property
    def needs_seconds(self) -> float:
        """Long enough to see the harm, and long enough to promote a healthy build."""
        return max(self.detect_from_start, self.promote)


def sights(objective: Objective, policy: SequentialPolicy) -> tuple[Sight, ...]:
    """One for each of `FRACTIONS`, in their order. The largest is looked at for a whole release.

    What isn't seen with more requests isn't looked for with fewer.
    """
    soon = max(objective.window_seconds, LOOK_AHEAD_SECONDS)
    found = [_half(objective, policy, soon)]
    for fraction in reversed(FRACTIONS[:-1]):
        found.append(_less(fraction, objective, policy, soon, found[-1]))
    return tuple(reversed(found))


def _half(objective: Objective, policy: SequentialPolicy, soon: float) -> Sight:
    """The last resort of all fractions: here a long window is tried as well."""
    ahead = max(soon, objective.release_seconds)
    sight = look(FRACTIONS[-1], FRACTIONS[-1] * objective.rps, objective, policy, ahead)
    if sight.detect_from_start == _NEVER:
        ahead = soon
    promote = promotion(sight.canary_rps, objective, policy, ahead)
    slowness = _slowness(sight.canary_rps, objective, policy, soon)
    return replace(sight, promote=promote, slowness_p95=slowness)


def _less(
    fraction: float, objective: Objective, policy: SequentialPolicy, soon: float, more: Sight
) -> Sight:
    rps = fraction * objective.rps
    sight = Sight(fraction, rps)
    if more.detect_p50 <= soon:
        sight = look(fraction, rps, objective, policy, soon)
    if more.promote <= soon:
        sight = replace(sight, promote=promotion(rps, objective, policy, soon))
    if more.slowness_p95 <= soon:
        sight = replace(sight, slowness_p95=_slowness(rps, objective, policy, soon))
    return sight


def look(
    fraction: float, rps: float, objective: Objective, policy: SequentialPolicy, ahead: float
) -> Sight:
    """When errors are seen with so many requests/s on the candidate; nothing else yet."""
    onset = np.array([policy.warm_up_seconds, 0.0])
    rates = np.full(2, objective.detect_error_rate)
    cases = Cases(np.full(2, rps), rates, objective.base_error_rate, onset)
    seconds = seconds_to_detect(cases, policy, ahead)
    p50, (p95, from_start) = float(mark(seconds, 0.5)[0]), mark(seconds).tolist()
    return Sight(fraction, rps, p50, p95, from_start)


def promotion(rps: float, objective: Objective, policy: SequentialPolicy, ahead: float) -> float:
    """Seconds until 95 % of healthy builds could be promoted."""
    seconds = seconds_to_promote(np.array([rps]), objective.base_error_rate, policy, ahead)
    return float(mark(seconds)[0])


def _slowness(rps: float, objective: Objective, policy: SequentialPolicy, ahead: float) -> float:
    if objective.latency_factor is None:
        return _NEVER
    seconds = seconds_to_detect_slowness(
        rps, objective.base_error_rate, objective.latency_factor, policy, ahead
    )
    return float(mark(seconds)[0])
