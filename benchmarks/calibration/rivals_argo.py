"""Argo Rollouts' design: a success rate measured at intervals, and a limit of failures.

Argo Rollouts' documentation ("Analysis & Progressive Delivery", "Prometheus Metrics"):
`successCondition: result[0] >= 0.95` on the share of requests that are not 5xx; a measurement
that doesn't meet it has failed, one that is NaN too; the metric fails when *more than*
`failureLimit` measurements have failed (default 0; the examples have 3, and their prose says
that the third one fails, which the program doesn't do). A failed analysis aborts the rollout;
one that has made `count` measurements without is successful.

Kinder than the examples: each measurement is the rate over its whole interval, where theirs
take the last two scrapes (`irate`). The examples' interval is five minutes; here it is one.
"""

from __future__ import annotations

from benchmarks.calibration.rivals_window import RivalVerdict, windows
from davylamp.judge.recording import Recording
from davylamp.judge.verdict import Outcome

COUNT = 10


def argo_rollouts(
    stream: Recording,
    *,
    least_success: float,
    failure_limit: int,
    count: int = COUNT,
    interval_seconds: float = 60.0,
) -> RivalVerdict:
    """Roll back when more than `failure_limit` measurements failed; promote after `count`."""
    failed = 0
    measured = windows(stream, stream.canary, interval_seconds)[:count]
    for window in measured:
        failed += not 1 - window.error_share >= least_success
        if failed > failure_limit:
            return RivalVerdict(Outcome.ROLLBACK, window.last_tick)
    if len(measured) < count:
        return RivalVerdict(Outcome.CONTINUE, len(stream) - 1)
    return RivalVerdict(Outcome.PROMOTE, measured[-1].last_tick)
