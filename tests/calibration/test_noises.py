"""The first generator: what it claims of its noises and harms is so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.calibration.noises import HARM_KINDS, KINDS, SLICE_BOUNDS_MS, Harm, noise_stream
from davylamp.judge.recording import Recording
from davylamp.judge.sample import Series

ONSET = 200
SIZES = {
    "errors": 0.2,
    "error_ratio": 30.0,
    "endpoint_errors": 1.0,
    "p99": 4.0,
    "p50": 2.0,
    "hang": 0.1,
    "cpu": 2.0,
    "leak": 5e6,
    "client_errors": 0.5,
    "restarts": 4.0,
}


def columns(side: Series) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in vars(side).items()}


def same(a: Series, b: Series) -> bool:
    pairs = zip(columns(a).values(), columns(b).values(), strict=True)
    return all(np.array_equal(x, y, equal_nan=True) for x, y in pairs)


def quantile(stream: Recording, side: Series, q: float, ticks: slice = slice(None)) -> float:
    cumulated = np.cumsum(side.latency[ticks].sum(axis=0))
    return (*stream.bounds_ms, np.inf)[int(np.searchsorted(cumulated, q * cumulated[-1]))]


def share(side: Series, column: str, ticks: slice = slice(None)) -> float:
    return float(getattr(side, column)[ticks].sum() / side.completed[ticks].sum())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fills_every_column_with_counts_that_agree(kind: str) -> None:
    stream = noise_stream(kind, 20, 3, ticks=90, sides=3)
    assert stream.stable is not None
    for side in (stream.canary, stream.baseline, stream.stable):
        assert side.latency.shape == (90, len(stream.bounds_ms) + 1)
        for column in columns(side).values():
            assert np.isfinite(column).all()
            assert (column >= 0).all()
        assert (side.latency.sum(axis=1) <= side.completed).all()
        assert (side.latency.sum(axis=1) >= side.succeeded).all()
        assert (side.client_errors <= side.succeeded).all()
        before = np.concatenate([[0], side.in_flight[:-1]])
        np.testing.assert_array_equal(before + side.started - side.completed, side.in_flight)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_stream_and_another_seed_another(kind: str) -> None:
    first, second, other = (noise_stream(kind, 20, seed, ticks=60) for seed in (1, 1, 2))
    assert same(first.canary, second.canary)
    assert same(first.baseline, second.baseline)
    assert not same(first.canary, other.canary)


@pytest.mark.parametrize("kind", KINDS)
def test_a_third_side_moves_neither_of_the_others(kind: str) -> None:
    two, three = (noise_stream(kind, 20, 5, ticks=60, sides=sides) for sides in (2, 3))
    assert same(two.canary, three.canary)
    assert same(two.baseline, three.baseline)


def test_slices_add_up_to_stable_in_wider_buckets() -> None:
    stream = noise_stream("all", 20, 7, ticks=120, sides=3)
    assert stream.stable is not None
    assert stream.slices is not None
    assert set(SLICE_BOUNDS_MS) <= set(stream.bounds_ms)
    assert 3 <= stream.slices.completed.shape[1] <= 6
    assert stream.slices.latency.shape[2] == len(stream.slices.bounds_ms) + 1
    np.testing.assert_array_equal(stream.slices.completed.sum(axis=1), stream.stable.completed)
    np.testing.assert_array_equal(stream.slices.failed.sum(axis=1), stream.stable.failed)
    below = np.searchsorted(stream.bounds_ms, stream.slices.bounds_ms[4]) + 1
    coarse = stream.slices.latency[:, :, :5].sum(axis=(1, 2))
    np.testing.assert_array_equal(coarse, stream.stable.latency[:, :below].sum(axis=1))


def test_stable_has_five_to_twenty_times_the_rate() -> None:
    ratios = []
    for seed in range(20):
        stream = noise_stream("independent", 50, seed, ticks=60, sides=3)
        assert stream.stable is not None
        ratios.append(stream.stable.completed.sum() / stream.baseline.completed.sum())
    assert 4.5 < min(ratios) < 9
    assert 11 < max(ratios) < 22


def test_services_vary_within_what_was_asked_for() -> None:
    streams = [noise_stream("independent", 300, seed) for seed in range(40)]
    medians = [quantile(s, s.baseline, 0.5) for s in streams]
    errors = [share(s.baseline, "failed") for s in streams]
    assert 1.9 < min(medians) < 8
    assert 60 < max(medians) < 250
    assert 0.00005 < min(errors) < 0.0005
    assert 0.002 < max(errors) < 0.006


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("cold_start", "all")])
def test_without_harm_both_sides_are_alike(kind: str) -> None:
    ratios = {"failed": [], "client_errors": [], "memory": [], "cpu": []}
    for seed in range(15):
        stream = noise_stream(kind, 300, seed)
        c, b = stream.canary, stream.baseline
        ratios["client_errors"].append(share(c, "client_errors") / share(b, "client_errors"))
        ratios["memory"].append(c.memory_bytes.mean() / b.memory_bytes.mean())
        ratios["cpu"].append(share(c, "cpu_seconds") / share(b, "cpu_seconds"))
        ratios["failed"].append((c.failed.sum() + 5) / (b.failed.sum() + 5))
    for of_all in ratios.values():
        assert np.median(of_all) == pytest.approx(1.0, abs=0.12)


def test_bursts_hit_both_sides_at_the_same_time_and_clusters_do_not() -> None:
    def together(kind: str) -> float:
        found = []
        for seed in range(10):
            s = noise_stream(kind, 500, seed)
            rates = [side.failed / np.maximum(side.completed, 1) for side in (s.canary, s.baseline)]
            found.append(np.corrcoef(*rates)[0, 1])
        return float(np.mean(found))

    assert together("bursts") > 0.4
    assert abs(together("clustered")) < 0.1


def test_bursts_and_clusters_are_overdispersed_and_independent_errors_are_not() -> None:
    def dispersion(kind: str) -> float:
        found = []
        for seed in range(10):
            b = noise_stream(kind, 500, seed).baseline
            expected = b.completed * b.failed.sum() / b.completed.sum()
            found.append(((b.failed - expected) ** 2 / expected).mean())
        return float(np.median(found))

    assert dispersion("independent") < 1.2
    assert dispersion("clustered") > 2
    assert dispersion("bursts") > 10


def test_instances_differ_by_one_to_three_per_cent_for_as_long_as_they_live() -> None:
    apart = []
    for seed in range(10):
        s = noise_stream("instances", 100_000, seed)
        halves = [
            share(s.canary, "cpu_seconds", t) / share(s.baseline, "cpu_seconds", t)
            for t in (slice(0, 300), slice(300, 600))
        ]
        assert all(0 < abs(np.log(ratio)) < 0.05 for ratio in halves)
        apart.append(abs(np.log(halves[0] * halves[1])) / 2)
        assert np.log(halves[0] / halves[1]) == pytest.approx(0, abs=0.03)
    assert 0.013 < np.mean(apart) < 0.027


def test_a_cold_start_is_the_canarys_alone_and_over_within_a_minute() -> None:
    first, later = slice(0, 8), slice(70, 600)
    slower, failing = [], []
    for seed in range(20):
        s = noise_stream("cold_start", 300, seed)
        early = quantile(s, s.canary, 0.5, first) / quantile(s, s.baseline, 0.5, first)
        late = quantile(s, s.canary, 0.5, later) / quantile(s, s.baseline, 0.5, later)
        slower.append(early)
        failing.append(share(s.canary, "failed", first) > share(s.baseline, "failed", first))
        assert late == pytest.approx(1.0, abs=0.22)
    assert np.median(slower) > 1.3
    assert np.mean(failing) > 0.7


def test_a_heavy_tail_is_heavier() -> None:
    def tail(kind: str) -> float:
        streams = [noise_stream(kind, 300, seed) for seed in range(15)]
        return float(
            np.median(
                [quantile(s, s.baseline, 0.999) / quantile(s, s.baseline, 0.5) for s in streams]
            )
        )

    assert tail("heavy_tail") > 3 * tail("independent")


def test_gc_pauses_hold_up_a_tenth_to_half_of_a_second_on_either_side_alone() -> None:
    for seed in range(5):
        s = noise_stream("gc_pauses", 1000, seed)
        above = int(np.searchsorted(s.bounds_ms, 4 * quantile(s, s.baseline, 0.95))) + 1
        slow = [
            side.latency[:, above:].sum(axis=1) / side.latency.sum(axis=1)
            for side in (s.canary, s.baseline)
        ]
        if s.bounds_ms[above] > 90:
            continue  # a service so slow that a pause is nothing to it
        paused = [set(np.flatnonzero(x > 0.03)) for x in slow]
        for ticks in paused:
            assert 8 <= len(ticks) <= 75
            assert max(x[t] for x in slow for t in ticks) < 0.6
        assert len(paused[0] & paused[1]) < 0.4 * min(len(p) for p in paused)


def test_the_uneven_share_stays_within_a_quarter_and_drifts() -> None:
    ratios = []
    for seed in range(20):
        s = noise_stream("uneven_share", 1000, seed)
        by_minute = s.canary.completed.reshape(10, 60).sum(axis=1)
        ratio = by_minute / s.baseline.completed.reshape(10, 60).sum(axis=1)
        assert 0.78 < ratio.min() <= ratio.max() < 1.28
        assert np.ptp(ratio) > 0.01
        ratios.append(ratio.mean())
    assert min(ratios) < 0.93
    assert max(ratios) > 1.07


def test_drift_moves_load_and_latency_of_both_sides_alike() -> None:
    for seed in range(5):
        s = noise_stream("drift", 1000, seed)
        by_minute = [x.completed.reshape(10, 60).sum(axis=1) for x in (s.canary, s.baseline)]
        assert np.ptp(by_minute[0]) > 0.15 * by_minute[0].mean()
        assert np.corrcoef(*by_minute)[0, 1] > 0.95


def test_bots_bring_4xx_to_both_sides_at_once() -> None:
    s = noise_stream("bots", 300, 1)
    rates = [side.client_errors / side.completed for side in (s.canary, s.baseline)]
    assert max(rates[0]) > 0.1
    assert np.corrcoef(*rates)[0, 1] > 0.6


def test_the_memory_sawtooth_climbs_slowly_and_falls_at_once() -> None:
    falls = []
    for seed in range(10):
        memory = noise_stream("memory_sawtooth", 100, seed).baseline.memory_bytes
        steps = np.diff(memory) / np.median(memory)
        falls.append((steps < -0.05).sum())
        assert (steps < -0.05).sum() < (steps > 0).sum()
    assert max(falls) > 30
    assert min(falls) >= 3


@pytest.mark.parametrize("kind", HARM_KINDS)
@pytest.mark.parametrize("noise", ["independent", "all"])
def test_a_harm_leaves_the_other_sides_as_they_are(kind: str, noise: str) -> None:
    harm = Harm(kind, SIZES[kind], 30)
    clean, harmed = (noise_stream(noise, 50, 4, ticks=90, sides=3, harm=h) for h in (None, harm))
    assert same(clean.baseline, harmed.baseline)
    assert clean.stable is not None
    assert harmed.stable is not None
    assert same(clean.stable, harmed.stable)
    assert not same(clean.canary, harmed.canary)


MEASURES: dict[str, Callable[[Recording, Series, slice], float]] = {
    "p99": lambda stream, side, ticks: quantile(stream, side, 0.985, ticks),
    "p50": lambda stream, side, ticks: quantile(stream, side, 0.5, ticks),
    "hang": lambda _, side, t: 1 - float(side.completed[t].sum() / side.started[t].sum()),
    "cpu": lambda _, side, ticks: share(side, "cpu_seconds", ticks),
    "client_errors": lambda _, side, ticks: share(side, "client_errors", ticks),
    "leak": lambda _, side, ticks: float(np.ptp(side.memory_bytes[ticks])),
    "restarts": lambda _, side, ticks: float(side.restarts[ticks].sum()),
}


def measured(kind: str, stream: Recording, side: Series, ticks: slice) -> float:
    by_failures = lambda _, side, ticks: share(side, "failed", ticks)  # noqa: E731
    return MEASURES.get(kind, by_failures)(stream, side, ticks)


@pytest.mark.parametrize("kind", HARM_KINDS)
def test_a_harm_shows_from_its_onset_on_and_not_before(kind: str) -> None:
    stream = noise_stream("independent", 1000, 11, harm=Harm(kind, SIZES[kind], ONSET))
    before, after = (
        (measured(kind, stream, stream.canary, t), measured(kind, stream, stream.baseline, t))
        for t in (slice(30, ONSET), slice(ONSET, None))
    )
    gap = {"leak": 1e9, "restarts": 10, "hang": 0.08, "errors": 0.18, "client_errors": 0.4}
    if kind in gap:
        assert abs(before[0] - before[1]) < gap[kind] / 10
        assert after[0] - after[1] > gap[kind]
    else:
        assert before[0] / before[1] == pytest.approx(1.0, abs=0.25)
        assert after[0] / after[1] > 1.6


def test_errors_begin_in_the_onset_tick_itself() -> None:
    stream = noise_stream("independent", 500, 2, harm=Harm("errors", 1.0, ONSET))
    rate = stream.canary.failed / stream.canary.completed
    assert rate[ONSET - 1] < 0.02
    assert (rate[ONSET:] == 1).all()


def test_a_slower_tail_leaves_the_median_alone() -> None:
    s = noise_stream("independent", 1000, 3, harm=Harm("p99", 5.0, 0))
    assert quantile(s, s.canary, 0.5) == quantile(s, s.baseline, 0.5)
    assert quantile(s, s.canary, 0.99) > 3.5 * quantile(s, s.baseline, 0.99)


def test_hanging_requests_pile_up() -> None:
    s = noise_stream("independent", 100, 3, harm=Harm("hang", 0.5, ONSET))
    assert s.canary.in_flight[-1] == pytest.approx(0.5 * 100 * 400, rel=0.1)
    assert s.baseline.in_flight[-1] < 100


def test_a_ramp_reaches_its_size_at_its_end() -> None:
    level = Harm("errors", 0.5, 100, ramp_ticks=50).level(600)
    assert level[99] == 0
    assert 0 < level[100] < 0.05
    assert level[149] < 1
    assert (level[150:] == 1).all()


@pytest.mark.parametrize(
    ("kind", "size", "onset"), [("fire", 1.0, 0), ("errors", 1.5, 0), ("p50", 2.0, -1)]
)
def test_a_harm_that_cannot_be_is_refused(kind: str, size: float, onset: int) -> None:
    with pytest.raises(ValueError, match="harm"):
        Harm(kind, size, onset)


def test_an_unknown_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="independent"):
        noise_stream("loud", 10, 1)
