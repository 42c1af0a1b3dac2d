"""The plan as a document: null where something never happens. docs/judge-planner.md has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from davylamp.judge.plan_cases import REPLICATES, SEED
from davylamp.judge.plan_promote import HEALTHY
from davylamp.judge.plan_sight import Sight
from davylamp.judge.plan_week import name_of
from davylamp.judge.planner import Hour, TrafficPlan


def document_of(plan: TrafficPlan, hours: Sequence[Hour] | None = None) -> dict[str, Any]:
    """Rates and fractions in [0, 1], times in whole seconds."""
    objective, choice, sight = plan.objective, plan.choice, plan.choice.sight
    found: dict[str, Any] = {
        "rps": objective.rps,
        "base_error_rate": objective.base_error_rate,
        "detect_error_rate": objective.detect_error_rate,
        "window_seconds": _whole(choice.window_seconds),
        "strategy": choice.strategy.value,
        "fraction": sight.fraction if sight else None,
        "seconds_to_detect": _whole(sight.detect_p95) if sight else None,
        "seconds_to_promote": _whole(sight.promote) if sight else None,
        "detectable_error_rate": _rounded(plan.detectable_error_rate),
        "synthetic_rps": _rounded(choice.synthetic_rps),
        "asked_window_seconds": _whole(objective.window_seconds),
        "release_seconds": _whole(objective.release_seconds),
        "warm_up_seconds": plan.policy.warm_up_seconds,
        "fractions": [_fraction(s, plan) for s in plan.sights],
        "advice": plan.advice,
        "simulated": {"bad": REPLICATES, "healthy": HEALTHY, "seed": SEED},
    }
    if objective.latency_factor is not None:
        found["latency_factor"] = objective.latency_factor
        found["seconds_to_detect_latency"] = _whole(sight.slowness_p95) if sight else None
    if hours is not None:
        found["hours"] = [_hour(h) for h in hours]
    return found


def _fraction(sight: Sight, plan: TrafficPlan) -> dict[str, Any]:
    window = plan.objective.window_seconds
    found: dict[str, Any] = {
        "fraction": sight.fraction,
        "canary_rps": _rounded(sight.canary_rps),
        "seconds_to_detect_p50": _whole(sight.detect_p50),
        "seconds_to_detect_p95": _whole(sight.detect_p95),
        "seconds_to_detect_from_start_p95": _whole(sight.detect_from_start),
        "seconds_to_promote": _whole(sight.promote),
        "detects_within_window": sight.detect_from_start <= window,
        "promotes_within_window": sight.promote <= window,
    }
    if plan.objective.latency_factor is not None:
        found["seconds_to_detect_latency_p95"] = _whole(sight.slowness_p95)
    return found


def _hour(hour: Hour) -> dict[str, Any]:
    return {
        "hour": hour.hour,
        "name": name_of(hour.hour),
        "rps": hour.rps,
        "suffices": hour.fraction is not None,
        "fraction": hour.fraction,
    }


def _whole(seconds: float) -> int | None:
    return round(seconds) if math.isfinite(seconds) else None


def _rounded(value: float | None) -> float | None:
    """To four digits: the simulation gives no more."""
    return None if value is None else float(f"{value:.4g}")
