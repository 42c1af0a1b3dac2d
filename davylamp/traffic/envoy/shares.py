"""The shares in force: never above what is wanted, never for another release. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from davylamp.traffic.effective import Weights
from davylamp.traffic.envoy.sharing import Trial, runtime_values

EDGE_SECONDS = 0.25
"""Shares with less than this left are let go of: one lease about to end must not shorten the
time to live of all the others to nothing."""


@dataclass(frozen=True)
class Share:
    """Shares of users, in [0, 1], that one release has."""

    release_id: int | None = None
    candidate: float = 0.0
    baseline: float = 0.0

    @property
    def is_nothing(self) -> bool:
        return self.candidate == 0 and self.baseline == 0


@dataclass(frozen=True)
class Wish:
    """What is wanted of one service's shares, and until when (monotonic seconds)."""

    share: Share
    until: float

    @classmethod
    def of(cls, weights: Weights, now: float) -> Wish:
        share = Share(weights.release_id, weights.candidate, weights.baseline)
        return cls(share, now + weights.ttl_seconds)

    def is_current(self, now: float) -> bool:
        return not self.share.is_nothing and self.until - now >= EDGE_SECONDS


def lowered(current: Share, wish: Wish | None, now: float) -> Share:
    """What may stay in force: the smaller of both, and nothing of another release."""
    if wish is None or not wish.is_current(now) or wish.share.release_id != current.release_id:
        return Share()
    return Share(
        current.release_id,
        min(current.candidate, wish.share.candidate),
        min(current.baseline, wish.share.baseline),
    )


def fleet_values(shares: Mapping[str, Share], trials: Mapping[str, Trial]) -> dict[str, Any]:
    """The runtime values of the whole fleet; only for releases whose routes are in force."""
    values: dict[str, Any] = {}
    for service, share in shares.items():
        trial = trials.get(service)
        if trial is not None and trial.release_id == share.release_id:
            values |= runtime_values(trial, share.candidate, share.baseline)
    return values
