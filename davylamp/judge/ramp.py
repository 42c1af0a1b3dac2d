"""A recorded stream as it would have been, had the share of users been raised in steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from davylamp.judge.recording import Recording
from davylamp.judge.sample import Floats, Series

_SEED = 20_120_801
_MOST = 1e15
"""Counts are cut here: beyond it nothing can be drawn."""


class WrongRamp(ValueError):
    """A ramp that can't be read."""


@dataclass(frozen=True)
class RampStep:
    """This share of what was recorded, from the end of the step before, for so long."""

    share: float
    seconds: float


def parse_ramp(text: str) -> tuple[RampStep, ...]:
    """`0.04:60,0.2:120,1:0` → steps; `none` → no step. The last one lasts to the end."""
    if text in ("", "none"):
        return ()
    steps: list[RampStep] = []
    for part in text.split(","):
        share, _, seconds = part.partition(":")
        try:
            steps.append(RampStep(float(share), float(seconds or 0)))
        except ValueError as error:
            raise WrongRamp(f"{part!r} is not SHARE:SECONDS, as in 0.04:60,0.2:120,1") from error
        if not (0 < steps[-1].share <= 1 and 0 <= steps[-1].seconds < np.inf):
            raise WrongRamp(f"{part!r}: the share must lie in (0, 1], the seconds be 0 or more")
    return tuple(steps)


def ramped(recording: Recording, steps: Sequence[RampStep]) -> Recording:
    """The same recording with candidate and baseline thinned, request by request; seeded.

    CPU is scaled with the requests; memory stays as it was.
    """
    if not steps:
        return recording
    ends = np.cumsum([s.seconds for s in steps[:-1]])
    at = recording.tick_seconds * np.arange(len(recording))
    share = np.array([s.share for s in steps])[np.searchsorted(ends, at, side="right")]
    rng = np.random.default_rng(_SEED)
    canary, baseline = (_thinned(s, share, rng) for s in (recording.canary, recording.baseline))
    return replace(recording, canary=canary, baseline=baseline, share={})


def _thinned(series: Series, share: Floats, rng: np.random.Generator) -> Series:
    def thin(counts: Floats) -> Floats:
        wide = share if counts.ndim == 1 else share[:, None]
        known = np.isfinite(counts)
        whole = np.where(known, np.clip(counts, 0, _MOST), 0).astype(np.int64)
        kept = rng.binomial(whole, wide)
        return np.where(known, kept, np.nan)

    refused = np.minimum(series.client_errors, series.succeeded)
    good, bad, kept_failed = thin(series.succeeded - refused), thin(refused), thin(series.failed)
    left = thin(np.maximum(series.started - series.completed, 0.0))
    return replace(
        series,
        succeeded=good + bad,
        failed=kept_failed,
        client_errors=bad,
        started=good + bad + kept_failed + left,
        latency=thin(series.latency),
        in_flight=thin(np.maximum(series.in_flight, 0.0)),
        cpu_seconds=series.cpu_seconds * share,
    )
