"""Strategies for recordings: of any shape, sane or not."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from davylamp.judge.recording import Recording, Slices, series_from
from davylamp.judge.sample import Series

NASTY = np.array([np.nan, np.inf, -np.inf, -1.0, -0.0, 1e-300, 1e15, 1e300, 0.5])


@st.composite
def bounds(draw: st.DrawFn) -> tuple[float, ...]:
    """Bucket bounds that grow evenly, by factors that meet the judge's margins exactly too."""
    ratio = draw(st.sampled_from([1.05, 1.1, 1.25, 1.35, 1.5, 2.0]))
    first = draw(st.sampled_from([0.5, 1.0, 3.0, 7.7]))
    return tuple(first * ratio**k for k in range(draw(st.integers(1, 14))))


@st.composite
def recordings(draw: st.DrawFn, nasty: bool = False, most_ticks: int = 40) -> Recording:
    """Counts are small and whole, or, with `nasty`, partly such as no source should report."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ticks, edges = draw(st.integers(1, most_ticks)), draw(bounds())
    spoilt = draw(st.sampled_from([0.0, 0.02, 0.3, 1.0])) if nasty else 0.0
    rate = draw(st.sampled_from([0.3, 4.0, 60.0]))
    bad = [draw(st.sampled_from([0.0, 0.03, 0.6])) for _ in range(3)]
    with_stable = draw(st.booleans())
    groups = draw(st.sampled_from([0, 1, 3])) if with_stable else 0
    sides = [_side(rng, ticks, len(edges), rate, share, spoilt) for share in bad]
    return Recording(
        id="any",
        tick_seconds=draw(st.sampled_from([0.2, 1.0, 1.0, 10.0])) if nasty else 1.0,
        bounds_ms=edges,
        canary=sides[0],
        baseline=sides[1],
        stable=sides[2] if with_stable else None,
        slices=_slices(rng, ticks, edges, groups, rate, spoilt) if groups else None,
        share=draw(st.sampled_from([{}, {"canary": 0.1, "baseline": 0.1}, {"canary": 0.5}])),
    )


def _side(
    rng: np.random.Generator, ticks: int, edges: int, rate: float, bad: float, spoilt: float
) -> Series:
    completed = rng.poisson(rate, ticks)
    failed = rng.binomial(completed, bad)
    cut = rng.random(edges + 1)
    columns = {
        "completed": completed,
        "failed": failed,
        "latency": rng.multinomial(completed - failed, cut / cut.sum()),
        "client_errors": rng.binomial(completed - failed, bad),
        "started": completed + rng.binomial(3, bad, ticks),
        "in_flight": rng.poisson(2, ticks),
        "cpu_seconds": completed * 0.003,
        "memory_bytes": rng.normal(5e7, 1e6, ticks),
        "restarts": rng.binomial(1, bad / 20, ticks),
    }
    return series_from(**{name: _spoil(rng, column, spoilt) for name, column in columns.items()})


def _slices(
    rng: np.random.Generator,
    ticks: int,
    edges: tuple[float, ...],
    groups: int,
    rate: float,
    spoilt: float,
) -> Slices:
    completed = rng.poisson(rate, (ticks, groups))
    failed = rng.binomial(completed, 0.02)
    even = np.full(len(edges) + 1, 1 / (len(edges) + 1))
    latency = rng.multinomial(completed - failed, even)
    return Slices(edges, *(_spoil(rng, column, spoilt) for column in (completed, failed, latency)))


def _spoil(rng: np.random.Generator, column: np.ndarray, share: float) -> np.ndarray:
    found = column.astype(np.float64)
    return np.where(rng.random(found.shape) < share, rng.choice(NASTY, found.shape), found)
