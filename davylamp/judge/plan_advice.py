"""The plan in sentences."""

from __future__ import annotations

import math

from davylamp.judge.plan_ladder import MOST_SYNTHETIC, Choice, Strategy
from davylamp.judge.plan_objective import Objective
from davylamp.judge.plan_sight import FRACTIONS, Sight
from davylamp.judge.sequential.policy import SequentialPolicy

NOISE = 3.0
"""Real traffic may take so many times as long as independent requests."""


def advice(
    objective: Objective, policy: SequentialPolicy, choice: Choice, detectable: float | None
) -> str:
    """What to do and why."""
    parts = [_WAYS[choice.strategy](objective, policy, choice)]
    if choice.sight:
        parts.append(_seen(objective, choice.sight))
        parts.append(_limits(objective, choice, choice.sight, detectable))
    return " ".join(part for part in parts if part)


def _canary(_o: Objective, _p: SequentialPolicy, choice: Choice) -> str:
    return f"{_share(choice)} for {_seconds(choice.window_seconds)}."


def _long_canary(o: Objective, _p: SequentialPolicy, choice: Choice) -> str:
    return (
        f"No fraction suffices within {_seconds(o.window_seconds)}; "
        f"{_share(choice)} for {_seconds(choice.window_seconds)} does."
    )


def _synthetic(o: Objective, _p: SequentialPolicy, choice: Choice) -> str:
    return (
        f"{_figure(o.rps)} requests/s are too few, even half of them for "
        f"{_seconds(_longest(o))}. Add about {_figure(_up(choice.synthetic_rps))} requests/s of "
        f"synthetic load while the release runs, spread over all users' ways, and put half of "
        f"everything on the candidate for {_seconds(choice.window_seconds)}. What only real "
        "users do is then hardly judged."
    )


def _with_human(o: Objective, p: SequentialPolicy, choice: Choice) -> str:
    why = (
        f"no build is promoted while {_percent(p.distress_rate)} or more of its requests fail, and "
        f"{_percent(o.base_error_rate)} is usual here"
        if o.base_error_rate >= p.distress_rate
        else f"{_figure(o.rps)} requests/s can't show that a build is healthy, nor can synthetic "
        f"load of {MOST_SYNTHETIC:.0f} times as many"
    )
    return (
        f"Statistics can roll back, not promote: {why}. {_share(choice)}; harm rolls back by "
        "itself, a human promotes after a look at the figures."
    )


def _blue_green(o: Objective, p: SequentialPolicy, _c: Choice) -> str:
    allowed = o.allowed_error_rate(p)
    why = (
        f"to this judge {_percent(o.detect_error_rate)} errors are no harm where "
        f"{_percent(o.base_error_rate)} are usual (up to {_percent(allowed)} are allowed), however "
        "much traffic there is"
        if o.detect_error_rate <= allowed
        else f"{_figure(o.rps)} requests/s are too few, also with {MOST_SYNTHETIC:.0f} times as "
        f"much synthetic load; half of them for {_seconds(_longest(o))} won't do"
    )
    threshold = math.sqrt(o.base_error_rate * o.detect_error_rate)
    return (
        f"Statistics can't serve: {why}. Take blue-green with a plain threshold and a human: try "
        "the new version out before any user meets it, switch, keep the old one running, switch "
        f"back when three or more requests and over {_percent(threshold)} of them fail, and have "
        "somebody look before the old version is let go."
    )


_WAYS = {
    Strategy.CANARY: _canary,
    Strategy.LONG_CANARY: _long_canary,
    Strategy.SYNTHETIC_LOAD: _synthetic,
    Strategy.CANARY_WITH_HUMAN: _with_human,
    Strategy.BLUE_GREEN: _blue_green,
}


def _seen(o: Objective, sight: Sight) -> str:
    said = (
        f"{_percent(o.detect_error_rate)} errors are rolled back within "
        f"{_seconds(sight.detect_p95)} of their beginning in 95 % of releases "
        f"(half of them within {_seconds(sight.detect_p50)})"
    )
    if not math.isfinite(sight.promote):
        return f"{said}."
    return f"{said}; 95 % of healthy builds can be promoted after {_seconds(sight.promote)}."


def _limits(o: Objective, choice: Choice, sight: Sight, detectable: float | None) -> str:
    parts: list[str] = []
    if detectable is not None:
        parts.append(f"Less than {_percent(detectable)} errors may go unseen in that window.")
    if o.latency_factor is not None:
        when = (
            f"are rolled back within {_seconds(sight.slowness_p95)}"
            if sight.slowness_p95 <= choice.window_seconds
            else "may go unseen in that window"
        )
        parts.append(f"Answers {_figure(o.latency_factor)} times as slow {when}.")
    needs = sight.detect_from_start
    if math.isfinite(sight.promote):
        needs = sight.needs_seconds
    if NOISE * needs > choice.window_seconds:
        more = [f for f in FRACTIONS if f > sight.fraction]
        hint = f" ({_percent(more[0])} of the users would be safer)" if more else ""
        parts.append(f"Bursts and clusters may take up to three times as long{hint}.")
    return " ".join(parts)


def _share(choice: Choice) -> str:
    if choice.sight is None:
        return ""
    rps = _figure(choice.sight.canary_rps)
    return f"{_percent(choice.sight.fraction)} of the users on the candidate ({rps} requests/s)"


def _longest(o: Objective) -> float:
    return max(o.release_seconds, o.window_seconds)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if math.isfinite(seconds) else "ever"


def _up(rps: float) -> float:
    """Rounded up to two digits."""
    unit = 10.0 ** (math.floor(math.log10(rps)) - 1)
    return unit * math.ceil(rps / unit)
