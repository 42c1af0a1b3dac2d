"""How many rows the next batch has. Pure."""

from __future__ import annotations

from davylamp.schema.backfill.limits import PaceLimits

_FASTEST_GROWTH = 2.0
_FASTEST_SHRINKING = 0.3
_NEAR = 1.5
_SMOOTHING = 0.5
"""Near the target only half of the way is gone: one slow commit isn't a trend."""


def next_rows(rows: int, took_ms: float, target_ms: float, limits: PaceLimits) -> int:
    """The size that brings batches towards `target_ms`, by how long one of `rows` took."""
    factor = target_ms / max(took_ms, 0.1)
    factor = min(_FASTEST_GROWTH, max(_FASTEST_SHRINKING, factor))
    if 1 / _NEAR < factor < _NEAR:
        factor **= _SMOOTHING
    return max(1, min(limits.most_rows, round(rows * factor + 0.5)))


def fewer_rows(rows: int) -> int:
    """After a batch that was given up."""
    return max(1, rows // 2)


def pause_after(took_seconds: float, duty: float) -> float:
    """Seconds to rest so that batches take `duty` of the time."""
    return took_seconds * (1 / min(1.0, max(duty, 0.001)) - 1)
