"""Levers: what one change alone would save, everything else as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from davylamp.forecast.assumptions import Assumptions
from davylamp.forecast.simulate import expected


@dataclass(frozen=True)
class Lever:
    """One change, and the harmed user-minutes a year it saves (negative: costs)."""

    name: str
    change: str
    expected: float
    saved: float
    saved_share: float
    """Of the harm before; 0 when there was none."""


def levers(a: Assumptions, strategy: str) -> tuple[Lever, ...]:
    """Each lever moved to half (the canary's only where there is one); the best first."""
    moves = {
        "more frequent and smaller deploys": smaller_deploys(a),
        "people act in half the time": replace(a, human_seconds=a.human_seconds / 2),
    }
    if strategy == "canary":
        moves |= {
            "half as many bad deploys missed": replace(a, catch_rate=(1 + a.catch_rate) / 2),
            "detection in half the time": replace(
                a,
                detection_seconds=a.detection_seconds / 2,
                floor_seconds=min(a.floor_seconds, a.detection_seconds / 2),
            ),
            "half the first step": smaller_step(a),
        }
    if strategy == "rolling":
        moves["a roll-out half as fast"] = replace(a, roll_seconds=a.roll_seconds * 2)
    found = [_lever(a, after, name, strategy) for name, after in moves.items()]
    return tuple(sorted(found, key=lambda one: (-one.saved, one.name)))


def smaller_step(a: Assumptions) -> Assumptions:
    """Half the users on the first step: seen later, since fewer requests tell of it."""
    half = a.fraction / 2
    return replace(a, fraction=half, detection_seconds=a.detection_at(half))


def smaller_deploys(a: Assumptions) -> Assumptions:
    """Twice as many deploys, half the changes in each.

    The changes, and so the bad ones, are the same: of a deploy that is bad with probability p,
    each half is bad with 1 − √(1 − p). What is gained is that less has to be searched through
    (Forsgren, Humble & Kim 2018, "Accelerate": small batches go with shorter times to restore).
    How much of `human_seconds` is search is an assumption, `search_share`.
    """
    return replace(
        a,
        deploys_per_day=2 * a.deploys_per_day,
        p_bad=1.0 - (1.0 - a.p_bad) ** 0.5,
        human_seconds=a.human_seconds * (1.0 - a.search_share / 2),
    )


def _lever(before: Assumptions, after: Assumptions, name: str, strategy: str) -> Lever:
    was, now = expected(before, strategy), expected(after, strategy)
    changed = [
        f"{field.replace('_', ' ')} {getattr(before, field):.4g} → {getattr(after, field):.4g}"
        for field in before.__dataclass_fields__
        if getattr(before, field) != getattr(after, field)
    ]
    return Lever(name, ", ".join(changed), now, was - now, (was - now) / was if was else 0.0)
