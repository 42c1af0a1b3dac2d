"""What one tick adds to the evidence, with the estimate of dispersion held fixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.judge.sequential import requests
from davylamp.judge.sequential.betting import share_bets
from davylamp.judge.sequential.judges import Judges
from davylamp.judge.sequential.policy import REQUEST_TESTS, SequentialPolicy
from davylamp.judge.sequential.requests import Compared, increments, log_tests
from davylamp.judge.sequential.share_test import Events, share_increment
from davylamp.judge.sequential.tick import Shape

POLICY = SequentialPolicy()
KINDS = ("errors", "p50", "p90", "p99", "gross_latency", "completions")
counts = st.integers(0, 3000) | st.floats(0.01, 1e6)
ratios = st.floats(1.0, 50.0)


def events(c: np.ndarray, b: float, n_c: float, n_b: float) -> Events:
    """One comparison (1, 1) for each value of c: shape (len(c), 1)."""
    ones = np.ones((len(c), 1))
    return Events(c[:, None] * ones, b * ones, n_c * ones, n_b * ones)


def seen(kind: str, of: Events) -> Compared:
    """Only events of one kind; of the others there were none."""
    nothing = replace(of, c=np.zeros_like(of.c), b=np.zeros_like(of.b))
    found = {name: of if name == kind else nothing for name in KINDS}
    quantiles = [found[name] for name in ("p50", "p90", "p99")]
    c, b = (np.stack([getattr(events, side) for events in quantiles]) for side in ("c", "b"))
    slow = Events(c, b, of.n_c, of.n_b)
    return Compared(found["errors"], slow, found["gross_latency"], found["completions"])


def added(kind: str, of: Events, phi: float = 1.0) -> np.ndarray:
    """(rows, CHANNELS), by the margins of a judge that has seen nothing yet."""
    one = np.ones_like(of.c)
    margins = Judges(Shape(len(of.c), (1.0, 2.0)), POLICY)._margins()
    return increments(seen(kind, of), margins, phi * one, phi * one, POLICY)[:, 0]


@given(st.lists(counts, min_size=2, max_size=8), counts, counts, counts, ratios)
def test_more_errors_of_the_candidate_never_lower_the_evidence(
    c: list[float], b: float, n_c: float, n_b: float, phi: float
) -> None:
    found = added("errors", events(np.sort(c), b, n_c, n_b), phi)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=0) >= -1e-9 * (1 + np.abs(found[1:]))).all()


@pytest.mark.parametrize("kind", ["p50", "p90", "p99", "gross_latency"])
@settings(max_examples=40)
@given(st.lists(counts, min_size=2, max_size=6), counts, counts, counts, ratios)
def test_more_slow_answers_never_lower_the_evidence(
    kind: str, c: list[float], b: float, n_c: float, n_b: float, phi: float
) -> None:
    found = added(kind, events(np.sort(c), b, n_c, n_b), phi)
    assert (np.diff(found, axis=0) >= -1e-9 * (1 + np.abs(found[1:]))).all()


@given(st.lists(counts, min_size=2, max_size=6), counts, counts, counts)
def test_more_completions_never_raise_the_evidence_of_a_hang(
    c: list[float], b: float, n_c: float, n_b: float
) -> None:
    found = added("completions", events(np.sort(c), b, n_c, n_b))
    assert (np.diff(found, axis=0) <= 1e-9 * (1 + np.abs(found[1:]))).all()


@given(counts, st.lists(counts, min_size=2, max_size=6), counts, counts, ratios)
def test_more_errors_of_the_baseline_never_raise_the_evidence(
    c: float, b: list[float], n_c: float, n_b: float, phi: float
) -> None:
    n_b = max(n_b, 1.0)  # without any request of it, the candidate is held to itself
    rows = [added("errors", events(np.array([c]), one, n_c, n_b), phi)[0] for one in np.sort(b)]
    assert (np.diff(rows, axis=0) <= 1e-9 * (1 + np.abs(rows[1:]))).all()


@given(counts, counts, counts, counts, ratios)
def test_no_tick_adds_more_than_its_cap(
    c: float, b: float, n_c: float, n_b: float, phi: float
) -> None:
    found = added("errors", events(np.array([c]), b, n_c, n_b), phi)
    assert found.max() <= max(POLICY.error_cap, POLICY.gross_cap)


@given(counts, counts, counts)
def test_a_tick_in_which_one_side_had_no_request_compares_nothing(
    c: float, b: float, n: float
) -> None:
    for n_c, n_b in ((n, 0.0), (0.0, n), (0.0, 0.0)):
        lonely = events(np.array([c]), b, n_c, n_b)
        one = np.ones_like(lonely.c)
        assert not share_increment(lonely, one, requests.ERROR_FACTORS, one, 3.0).any()
        assert not share_bets(lonely, one).any()


@given(st.lists(st.floats(-50, 50), min_size=requests.CHANNELS, max_size=requests.CHANNELS))
def test_no_test_says_more_than_its_strongest_channel(channels: list[float]) -> None:
    found = log_tests(np.array(channels)[None, None])
    assert found.shape == (1, 1, len(REQUEST_TESTS))
    assert found.max() <= max(channels) + 1e-9


def test_the_stake_of_each_group_is_shared_out_whole() -> None:
    of_group = np.add.reduceat(np.exp(requests.LOG_SHARE), requests.STARTS)
    assert of_group == pytest.approx(1.0)
