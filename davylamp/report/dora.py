"""DORA's software delivery performance metrics, as far as the ledger can tell them. Pure.

The metrics are those of https://dora.dev/guides/dora-metrics/ (updated 2026-01-05); docs/reports.md
says of each what the ledger knows instead. In short: what commits were in a build isn't known, so
the lead time begins when Davylamp first saw the build; and the end of a roll-back is the moment
its release ended, which is later than the moment the last user was on stable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from davylamp.ledger.models import ReleaseState
from davylamp.report.ended_releases import EndedRelease
from davylamp.report.wilson import wilson_of

_REACHED_ALL = (ReleaseState.PROMOTED, ReleaseState.UNCONFIRMED)


@dataclass(frozen=True)
class Durations:
    """Seconds."""

    count: int
    median: float
    p90: float


@dataclass(frozen=True)
class Dora:
    """Of one service or a fleet, over some days."""

    days: float
    deployments: int
    """Releases that users met and that ended promoted, unconfirmed or rolled back."""
    deployments_per_day: float
    failed: int
    """Of those: rolled back, unconfirmed, or of a build that is known bad since."""
    change_fail_rate: float | None
    """None without deployments."""
    change_fail_rate_low: float
    change_fail_rate_high: float
    """95 % (Wilson)."""
    lead_time: Durations | None
    """From the build's first sight to all users, of builds that reached them for the first time."""
    exposed: Durations | None
    """Of what was rolled back: from the first user to the decision."""
    recovery: Durations | None
    """Of the same: from the decision to the end of the release."""
    refused: int = 0
    abandoned: int = 0
    """Neither is a deployment: no user met the one, and of the other nothing was learnt."""

    def document(self) -> dict[str, Any]:
        return asdict(self)


def dora_of(releases: Sequence[EndedRelease], days: float) -> Dora:
    """What some releases say. `days` is the length of the window they ended in."""
    deployed = [one for one in releases if is_deployment(one)]
    failed = sum(map(is_failed, deployed))
    low, high = wilson_of(failed, len(deployed))
    back = [one for one in deployed if one.state is ReleaseState.ROLLED_BACK]
    states = [one.state for one in releases]
    return Dora(
        days=days,
        deployments=len(deployed),
        deployments_per_day=len(deployed) / days,
        failed=failed,
        change_fail_rate=failed / len(deployed) if deployed else None,
        change_fail_rate_low=low,
        change_fail_rate_high=high,
        lead_time=_durations(map(_lead_seconds, deployed)),
        exposed=_durations(_seconds(one.traffic_at, one.decided_at) for one in back),
        recovery=_durations(_seconds(one.decided_at, one.ended_at) for one in back),
        refused=states.count(ReleaseState.REFUSED),
        abandoned=states.count(ReleaseState.ABANDONED),
    )


def dora_by_service(releases: Iterable[EndedRelease], days: float) -> dict[str, Dora]:
    """By name, in the order of names."""
    of: dict[str, list[EndedRelease]] = {}
    for one in releases:
        of.setdefault(one.service, []).append(one)
    return {name: dora_of(of[name], days) for name in sorted(of)}


def is_deployment(one: EndedRelease) -> bool:
    if one.state in _REACHED_ALL:
        return True
    return one.state is ReleaseState.ROLLED_BACK and one.traffic_at is not None


def is_failed(one: EndedRelease) -> bool:
    """Of a deployment."""
    return one.state is not ReleaseState.PROMOTED or one.is_known_bad


def _lead_seconds(one: EndedRelease) -> float | None:
    """The build is written down a moment after its first release was."""
    if one.state not in _REACHED_ALL or not one.is_first_of_build:
        return None
    seen = min(one.first_seen_at or one.created_at, one.created_at)
    return _seconds(seen, one.made_stable_at or one.ended_at)


def _seconds(earlier: Any, later: Any) -> float | None:
    if earlier is None or later is None:
        return None
    return max((later - earlier).total_seconds(), 0.0)


def _durations(seconds: Iterable[float | None]) -> Durations | None:
    known = [one for one in seconds if one is not None]
    if not known:
        return None
    median, p90 = np.quantile(known, [0.5, 0.9]).tolist()
    return Durations(len(known), median, p90)
