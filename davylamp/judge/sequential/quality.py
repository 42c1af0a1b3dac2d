"""Can this data be trusted to promote by? What is wrong with it is named, and never a pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import sign_bets
from davylamp.judge.sequential.blocks import Sums
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.tick import BASELINE, CANARY, Bools, Tick

_SKEW_NULL, _SKEW_ALTERNATIVES = 0.3, np.array([0.6, 0.85, 0.97])
_SKEW_EVIDENCE = float(np.log(100.0))
_MOST_MISSING = 0.2
_STALE_SECONDS = 15.0
_WORSE_THAN_ITSELF = 4.0
_BASELINE_RATE = 0.02


@dataclass
class Quality:
    """Counts over the whole stream, by release and side."""

    ticks: Floats
    """(B,)"""
    missing: Floats
    """(B, 2) ticks without a reading."""
    silent_seconds: Floats
    """(B, 2) since the side's last completed request."""
    recent: Floats
    """(12, B, 2, 2): failed and completed of the last blocks of ten seconds, by side."""
    block: Sums
    first_minute: Floats
    """(B, 2): failed and completed of the baseline's first minute."""
    skew: Floats
    """(B, 3): evidence that the shares are not those intended."""

    @classmethod
    def fresh(cls, releases: int) -> Quality:
        return cls(
            np.zeros(releases),
            np.zeros((releases, 2)),
            np.zeros((releases, 2)),
            np.zeros((12, releases, 2, 2)),
            Sums.fresh(releases, 4),
            np.zeros((releases, 2)),
            np.zeros((releases, 3)),
        )

    def feed(
        self,
        tick: Tick,
        ten: Bools,
        age_seconds: Floats,
        log_intended: Floats,
        policy: SequentialPolicy,
    ) -> None:
        """`log_intended` (B,): log of the intended ratio of candidate's to baseline's requests;
        NaN where nobody said."""
        pair = np.s_[:, :2]
        self.ticks += 1
        self.missing += ~tick.known[pair]
        had_traffic = tick.completed[pair] > 0
        self.silent_seconds = np.where(had_traffic, 0.0, self.silent_seconds + tick.seconds)
        both = np.stack([tick.failed[pair], tick.completed[pair]], axis=1)
        found = self.block.feed(both.reshape(-1, 4), ten).reshape(-1, 2, 2)
        is_first = (age_seconds <= 60.0)[:, None]
        self.first_minute += np.where(is_first, both[:, :, BASELINE], 0.0)
        if ten.any():
            shifted = np.concatenate([self.recent[1:], found[None]])
            self.recent = np.where(ten[:, None, None], shifted, self.recent)
            self._skew(found[:, 1], ten, log_intended, np.log(policy.share_tolerance))

    def _skew(self, trials: Floats, ten: Bools, log_intended: Floats, most: float) -> None:
        ratio = np.log((trials[:, CANARY] + 0.5) / (trials[:, BASELINE] + 0.5))
        off = np.abs(ratio - log_intended) > most
        counts = ten & np.isfinite(log_intended) & (trials.sum(axis=1) >= 20)
        self.skew += sign_bets(
            off.astype(float), counts.astype(float), _SKEW_NULL, _SKEW_ALTERNATIVES
        )

    def rates(self) -> tuple[Floats, Floats]:
        """(B, 2) share of failures in the last two minutes, and (B,) the baseline's first."""
        failed, completed = np.moveaxis(self.recent.sum(axis=0), 1, 0)
        first = self.first_minute[:, 0] / np.maximum(self.first_minute[:, 1], 1.0)
        return failed / np.maximum(completed, 1.0), first

    def distressed(self, policy: SequentialPolicy) -> Bools:
        """(B,): too much fails, be it on both sides: harm to both is still harm."""
        recent, first = self.rates()
        itself = np.maximum(_WORSE_THAN_ITSELF * first, _BASELINE_RATE)
        return (recent[:, CANARY] >= policy.distress_rate) | (recent[:, BASELINE] >= itself)

    def is_skewed(self) -> Bools:
        evidence = np.logaddexp.reduce(self.skew, axis=1) - np.log(3.0)
        return evidence >= _SKEW_EVIDENCE

    def is_sound(self) -> Bools:
        """(B,): nothing about the data forbids promoting by it."""
        gaps = self.missing > _MOST_MISSING * self.ticks[:, None]
        silent = self.silent_seconds > _STALE_SECONDS
        return ~(gaps.any(axis=1) | silent.any(axis=1) | self.is_skewed())

    def complaints(self, i: int) -> tuple[str, ...]:
        """What is wrong with one release's data, in words."""
        found: list[str] = []
        for side, name in ((CANARY, "candidate"), (BASELINE, "baseline")):
            if self.missing[i, side] > _MOST_MISSING * self.ticks[i]:
                found.append(
                    f"{self.missing[i, side]:.0f} of {self.ticks[i]:.0f} ticks "
                    f"without a reading of the {name}"
                )
            if self.silent_seconds[i, side] > _STALE_SECONDS:
                found.append(f"no request of the {name} for {self.silent_seconds[i, side]:.0f} s")
        if self.is_skewed()[i]:
            found.append(
                "candidate and baseline get other shares of the requests than intended "
                "(sample-ratio mismatch)"
            )
        return tuple(found)
