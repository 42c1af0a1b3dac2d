"""The latency histogram's buckets are as fine as a p99 needs."""

from __future__ import annotations

from itertools import pairwise

from davylamp.judge.sample import LATENCY_BOUNDS_MS


def test_above_4_ms_no_bucket_is_wider_than_a_quarter_of_its_lower_edge() -> None:
    above = [edge for edge in LATENCY_BOUNDS_MS if edge >= 4.0]
    assert max(high / low for low, high in pairwise(above)) <= 1.25


def test_up_to_4_ms_every_whole_ms_has_its_bucket_and_the_last_bound_is_above_a_minute() -> None:
    assert set(LATENCY_BOUNDS_MS) >= {1.0, 2.0, 3.0, 4.0}
    assert LATENCY_BOUNDS_MS[-1] > 60_000
