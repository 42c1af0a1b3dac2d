"""Stable is a control only while it has users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.calibration.noises import Harm, noise_stream
from davylamp.judge.recording import Recording
from davylamp.judge.sequential.run import judge_recordings
from davylamp.judge.verdict import Outcome


def test_harm_is_seen_when_all_users_are_on_candidate_and_baseline() -> None:
    """As at a step of one half each: stable was there before, and has nobody any more."""
    streams = [
        _stable_leaves(noise_stream("independent", 60, seed, harm=Harm("p99", 5, 120), sides=3))
        for seed in range(4)
    ]
    for ruling in judge_recordings(streams):
        assert ruling.outcome is Outcome.ROLLBACK
        assert ruling.metrics[0].name in ("latency_p90", "latency_p99")


def _stable_leaves(recording: Recording, at: int = 60) -> Recording:
    assert recording.stable is not None
    ticks = np.arange(len(recording)) < at
    kept = {
        name: np.where(ticks if column.ndim == 1 else ticks[:, None], column, 0.0)
        for name, column in vars(recording.stable).items()
    }
    return replace(recording, stable=type(recording.stable)(**kept), slices=None)
