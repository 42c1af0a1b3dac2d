"""Flagger's design: absolute thresholds on the canary alone, checked every minute.

Flagger's documentation ("How it works", "Metrics Analysis", "Deployment Strategies", FAQ):
`request-success-rate` of the canary ≥ 99 % (all but 5xx) and its `request-duration` (p99 by
`histogram_quantile`) ≤ 500 ms, each over the last minute; a run with any failing metric is a
failed check, as is one without values; failed checks add up and are never forgiven; when
`threshold` of them have failed the canary is rolled back, "interval * threshold" after things
went wrong. A run that fails does not advance, so ten iterations need ten good runs. The
documents compare with no baseline, so neither does this; no relative p99 is documented.

Kinder than the program: it rolls back with the failing check and not an interval later, as its
scheduler does; buckets here are finer than Istio's.
"""

from __future__ import annotations

from benchmarks.calibration.rivals_window import RivalVerdict, Window, windows
from davylamp.judge.recording import Recording
from davylamp.judge.verdict import Outcome

LEAST_SUCCESS = 0.99
LONGEST_P99_MS = 500.0
THRESHOLD = 5
"""As in the examples of the tutorials; others in the documents have 2 (A/B testing) and 10."""
ITERATIONS = 10


def flagger(
    stream: Recording,
    *,
    threshold: int = THRESHOLD,
    iterations: int = ITERATIONS,
    longest_p99_ms: float = LONGEST_P99_MS,
    interval_seconds: float = 60.0,
) -> RivalVerdict:
    """Roll back at the `threshold`-th failed check; promote after `iterations` good ones.

    A team with a slower service would set another `longest_p99_ms`; infinity leaves p99 out.
    """
    failed = good = 0
    for window in windows(stream, stream.canary, interval_seconds):
        if is_good(window, longest_p99_ms):
            good += 1
        else:
            failed += 1
        if failed >= threshold:
            return RivalVerdict(Outcome.ROLLBACK, window.last_tick)
        if good >= iterations:
            return RivalVerdict(Outcome.PROMOTE, window.last_tick)
    return RivalVerdict(Outcome.CONTINUE, len(stream) - 1)


def is_good(window: Window, longest_p99_ms: float = LONGEST_P99_MS) -> bool:
    """Both built-in checks hold; NaN (no traffic) holds neither."""
    return 1 - window.error_share >= LEAST_SUCCESS and window.p99_ms <= longest_p99_ms
