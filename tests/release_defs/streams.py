"""Recorded streams as a ledger would hold them: readings of counters, a second apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from davylamp.judge.policy import JudgePolicy
from davylamp.judge.recording import Recording
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample, Series, series_of
from davylamp.judge.track import TrackedHearing
from davylamp.report.plots import Mark, Scene

BEGAN = 1_700_000_000.0
"""Unix seconds of the first reading."""


def samples_of(recording: Recording, release_id: int = 1) -> dict[Role, list[Sample]]:
    """One reading before the first tick, and one at the end of each."""
    sides = {
        Role.CANDIDATE: recording.canary,
        Role.BASELINE: recording.baseline,
        Role.STABLE: recording.stable,
    }
    return {
        role: _readings(role, one, recording.bounds_ms, release_id)
        for role, one in sides.items()
        if one is not None
    }


def scene_of(samples: Mapping[Role, list[Sample]], marks: tuple[Mark, ...] = ()) -> Scene:
    """What a release with these readings looks like."""
    hearing = TrackedHearing(JudgePolicy())
    hearing.hear(samples)
    sides = {role: series_of(found) for role, found in samples.items()}
    return Scene(sides, hearing.track(), marks)


def _readings(role: Role, one: Series, bounds: tuple[float, ...], release_id: int) -> list[Sample]:
    latency = _on_our_bounds(np.nan_to_num(one.latency).cumsum(axis=0), bounds)
    columns = {
        name: np.nan_to_num(getattr(one, name)).cumsum().round().astype(int)
        for name in ("started", "succeeded", "failed", "client_errors")
    }
    cpu = one.cpu_seconds.cumsum()
    found: list[Sample] = []
    for t in range(-1, len(one)):
        k = {name: int(v[t]) if t >= 0 else 0 for name, v in columns.items()}
        memory = one.memory_bytes[max(t, 0)]
        found.append(
            Sample(
                service="checkout",
                role=role,
                release_id=release_id,
                at=BEGAN + t + 1,
                started=k["started"],
                succeeded=k["succeeded"],
                failed=k["failed"],
                responses=(0, k["succeeded"], 0, k["client_errors"], k["failed"]),
                latency=tuple(latency[t].tolist()) if t >= 0 else (0,) * latency.shape[1],
                in_flight=0 if t < 0 or np.isnan(one.in_flight[t]) else int(one.in_flight[t]),
                cpu_seconds=None if np.isnan(cpu[0]) else float(cpu[t] if t >= 0 else 0.0),
                memory_bytes=None if np.isnan(memory) else float(memory),
                instances=1,
                restarts=int(np.nan_to_num(one.restarts[: t + 1]).sum()),
            )
        )
    return found


def _on_our_bounds(counts: np.ndarray, bounds: tuple[float, ...]) -> np.ndarray:
    """(T, K + 1) cumulative over time under other bounds → the same under ours, in whole numbers
    that never fall."""
    below = np.concatenate([np.zeros((len(counts), 1)), counts.cumsum(axis=1)], axis=1)
    edges = np.log(np.array([bounds[0] / 2, *bounds, bounds[-1] * 2]))
    wanted = np.log(np.array(LATENCY_BOUNDS_MS))
    found = np.stack([np.interp(wanted, edges, row) for row in below])
    found = np.concatenate([found, below[:, -1:]], axis=1).round().astype(int)
    return np.maximum.accumulate(np.diff(found, axis=1, prepend=0), axis=0)
