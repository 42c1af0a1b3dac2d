"""Stop at once for gross harm: a first, plain rule that the sequential judge replaces.

It is asked at every tick. A plain test that is asked again and again raises false alarms, so
its significance is tiny (1e-6 by default: 600 looks add up to less than one in a thousand),
and besides being no chance the harm must be large.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import gammainc

from davylamp.judge.excess import Tally, chance_above, chance_of_excess
from davylamp.judge.explain import chance, count, number, share
from davylamp.judge.intervals import Intervals, intervals_of
from davylamp.judge.policy import GrossHarm
from davylamp.judge.quantile import quantile_ms, slower_than
from davylamp.judge.verdict import Evidence

LOOK_BACK_SECONDS = (5.0, 15.0, 60.0, float("inf"))
"""Harm is looked for in each of these: a long clean past must not delay an alarm."""
UNFINISHED_SECONDS = 10.0
CRASH_LOOP = 3
"""Restarts that are more than bad luck."""
RESTARTS_PER_SECOND = 1 / 3600
"""What bad luck alone is taken to bring a build, at worst."""


@dataclass(frozen=True)
class Harm:
    """One kind of gross harm that was found. `metric` names it; figures are in `unit`."""

    metric: str
    reason: str
    candidate: float
    baseline: float | None
    unit: str


def find_gross_harm(evidence: Evidence, gross: GrossHarm) -> Harm | None:
    """The first gross harm found, or None: errors, hanging, slowness, restarts."""
    restarts = _restarts(evidence, gross)
    if restarts or len(evidence.candidate) == 0:
        return restarts
    end = float(evidence.candidate.at[-1])
    for seconds in LOOK_BACK_SECONDS:
        mine, theirs = _last(evidence, end - seconds)
        found = _errors(mine, theirs, gross) or _slowness(mine, theirs, gross)
        if found:
            return found
    return _hanging(*_last(evidence, end - UNFINISHED_SECONDS), gross)


def _last(evidence: Evidence, since: float) -> tuple[Intervals, Intervals]:
    """Both sides over the same seconds; an earlier baseline counts as a whole."""
    mine = intervals_of(evidence.candidate.since(since))
    if evidence.simultaneous:
        return mine, intervals_of(evidence.baseline.since(since))
    return mine, intervals_of(evidence.baseline)


def _errors(mine: Intervals, theirs: Intervals, gross: GrossHarm) -> Harm | None:
    failed, normal = _tally(mine), _tally(theirs)
    p = _chance_if_harmful(failed, normal, gross.error_rate, gross)
    if p is None:
        return None
    said = f"{share(failed)} requests failed on the candidate"
    return _harm("error_rate", said, failed, normal, p)


def _slowness(mine: Intervals, theirs: Intervals, gross: GrossHarm) -> Harm | None:
    """Answers slower than `latency_ratio` times the baseline's p99."""
    usual = quantile_ms(theirs.latency, 0.99) if len(theirs) else float("nan")
    line = gross.latency_ratio * usual
    if not theirs.latency.sum() >= gross.minimum_requests:
        return None
    p99 = quantile_ms(mine.latency, 0.99)
    slow, normal = (
        Tally(float(slower_than(s.latency, line).sum()), float(s.latency.sum()))
        for s in (mine, theirs)
    )
    p = _chance_if_harmful(slow, normal, gross.slow_rate, gross)
    if p is None or not p99 >= line:
        return None
    said = f"{share(slow)} answers of the candidate took longer than {number(line, 'ms')}"
    found = _harm("latency_p99", said, slow, normal, p)
    return Harm(found.metric, found.reason, p99, usual, "ms")


def _hanging(mine: Intervals, theirs: Intervals, gross: GrossHarm) -> Harm | None:
    """Requests of the last seconds that have begun and not ended, for three ticks running."""
    if len(mine) < 3 or len(theirs) < 3:
        return None
    stuck, normal = (
        Tally(
            float(s.in_flight[-3:].min()),
            max(float(s.in_flight[0]) + float(s.started[1:].sum()), float(s.in_flight[-1])),
        )
        for s in (mine, theirs)
    )
    p = _chance_if_harmful(stuck, normal, gross.error_rate, gross)
    if p is None:
        return None
    said = f"{share(stuck)} requests of the last {UNFINISHED_SECONDS:.0f} s hang on the candidate"
    return _harm("hanging", said, stuck, normal, p)


def _restarts(evidence: Evidence, gross: GrossHarm) -> Harm | None:
    """More restarts of the candidate's instances than the baseline's and bad luck explain."""
    mine, theirs = intervals_of(evidence.candidate), intervals_of(evidence.baseline)
    restarts, usual = float(mine.restarts.sum()), float(theirs.restarts.sum())
    if restarts < max(CRASH_LOOP, gross.error_ratio * usual):
        return None
    expected = usual + RESTARTS_PER_SECOND * max(float(mine.seconds.sum()), 1.0)
    p = float(gammainc(restarts, expected))
    if p > max(gross.significance, 1e-4):
        return None
    said = f"the candidate was restarted {count(restarts)} times, the baseline {count(usual)} times"
    return Harm("restarts", f"{said} (gross harm: {chance(p)})", restarts, usual, "")


def _tally(side: Intervals) -> Tally:
    return Tally(float(side.failed.sum()), side.requests)


def _chance_if_harmful(
    mine: Tally, theirs: Tally, least_rate: float, gross: GrossHarm
) -> float | None:
    """The chance of such an excess where it is gross harm; None where it is not.

    Without enough of a baseline the candidate is held against a fixed rate, `error_ratio`
    times the least that is called gross.
    """
    if mine.trials < gross.minimum_requests or mine.rate < least_rate:
        return None
    if theirs.trials < gross.minimum_requests:
        p = chance_above(mine, min(gross.error_ratio * least_rate, 0.5))
    elif mine.rate >= gross.error_ratio * theirs.rate:
        p = chance_of_excess(mine, theirs)
    else:
        return None
    return p if p < gross.significance else None


def _harm(metric: str, said: str, mine: Tally, theirs: Tally, p: float) -> Harm:
    compared = f"{share(theirs)} on the baseline" if theirs.trials else "the baseline had none"
    reason = f"{said}, {compared} (gross harm: {chance(p)})"
    usual = 100 * theirs.rate if theirs.trials else None
    return Harm(metric, reason, 100 * mine.rate, usual, "%")
