"""The rivals: other judges' published rules, by the name they have in the tables.

Each takes a Recording and gives a RivalVerdict. They are our own words for what the documents
of Kayenta, Flagger and Argo Rollouts say; where a document leaves a choice, the kinder one for
the rival is taken, and said in its file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.calibration.rivals_argo import argo_rollouts
from benchmarks.calibration.rivals_flagger import flagger
from benchmarks.calibration.rivals_kayenta import (
    by_fail_ratio,
    by_score,
    kayenta_each_minute,
    kayenta_fixed_window,
)
from benchmarks.calibration.rivals_window import RivalVerdict
from davylamp.judge.recording import Recording

__all__ = [
    "RIVALS",
    "Rival",
    "RivalVerdict",
    "argo_rollouts",
    "by_fail_ratio",
    "by_score",
    "flagger",
    "kayenta_each_minute",
    "kayenta_fixed_window",
]

Rival = Callable[[Recording], RivalVerdict]

RIVALS: Mapping[str, Rival] = {
    "Kayenta 10 × 1 min": partial(kayenta_fixed_window, error_critical=True),
    "Kayenta 10 × 1 min, errors not critical": partial(kayenta_fixed_window, error_critical=False),
    "Kayenta 10 × 1 min, fail ratio": partial(
        kayenta_fixed_window, error_critical=False, rule=by_fail_ratio
    ),
    "Kayenta each minute": partial(kayenta_each_minute, error_critical=True),
    "Kayenta each minute, errors not critical": partial(kayenta_each_minute, error_critical=False),
    "Kayenta each minute, 95/75": partial(
        kayenta_each_minute, error_critical=True, rule=by_score(95, 75)
    ),
    "Flagger 1 min × 5": flagger,
    "Flagger 1 min × 5, errors only": partial(flagger, longest_p99_ms=math.inf),
    "Flagger 1 min × 2": partial(flagger, threshold=2),
    "Argo 99 %, limit 0": partial(argo_rollouts, least_success=0.99, failure_limit=0),
    "Argo 99 %, limit 3": partial(argo_rollouts, least_success=0.99, failure_limit=3),
    "Argo 95 %, limit 0": partial(argo_rollouts, least_success=0.95, failure_limit=0),
    "Argo 95 %, limit 3": partial(argo_rollouts, least_success=0.95, failure_limit=3),
}
