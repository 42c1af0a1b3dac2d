"""Readings of named metrics in a real ledger: as they were read, beside the samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from davylamp.judge.named_metrics import (
    GaugeReading,
    HistogramReading,
    MetricKind,
    NamedReading,
    NamedRule,
    NamedTick,
    RatioReading,
)
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role
from davylamp.judge.verdict import Outcome
from davylamp.ledger import evidence, releases
from davylamp.ledger.models import NamedRow
from davylamp.ledger.named import read_named, write_named
from davylamp.ledger.session import Ledger
from davylamp.rollout.conduct.bench import Bench
from tests.judge.test_hearing_named import HEALTHY, ORDERS, SECONDS, orders

pytestmark = pytest.mark.server
LOOK = NamedTick(
    100.5,
    {
        Role.CANDIDATE: {
            "orders": NamedReading(100.25, RatioReading(3.0, 90.0)),
            "queue": NamedReading(100.125, GaugeReading(-2.5)),
            "seconds": NamedReading(100.0, HistogramReading((0.5, 1.0), (4.0, 6.0, 2.0))),
        },
        Role.STABLE: {"queue": NamedReading(100.25, GaugeReading(1e9))},
    },
    {"payments": "answers with something else than a vector"},
)


def test_a_look_is_read_as_it_was_written(ledger: Ledger) -> None:
    later = NamedTick(101.5, {Role.BASELINE: {"queue": NamedReading(101.0, GaugeReading(1.0))}})
    with ledger.begin() as db:
        write_named(db, {1: later, 2: later})
        write_named(db, {1: LOOK})
    with ledger.begin() as db:
        assert read_named(db, 1) == [LOOK, later]
        assert read_named(db, 1, after=100.5) == [later]
        assert read_named(db, 3) == []


def test_a_look_that_brought_nothing_leaves_no_row_and_one_written_twice_one(
    ledger: Ledger,
) -> None:
    with ledger.begin() as db:
        write_named(db, {1: NamedTick(5.0)})
        write_named(db, {1: LOOK})
        write_named(db, {1: LOOK})
    with ledger.begin() as db:
        assert read_named(db, 1) == [LOOK]


def opened(ledger: Ledger, until: int = SECONDS) -> int:
    """A release whose requests are fine and whose orders fail, until a second."""
    with ledger.begin() as db:
        release = releases.open_release(
            db, service="checkout", image="1", plan={}, entry={}, seed=1, requested_by="ana"
        )
    write_half(ledger, release.id, 0, until)
    return release.id


def write_half(ledger: Ledger, release_id: int, first: int, last: int) -> None:
    with ledger.begin() as db:
        for found in HEALTHY.values():
            evidence.write_samples(
                db, [replace(s, release_id=release_id) for s in found[first : last + 1]]
            )
        for tick in orders(0.041)[max(first - 1, 0) : last]:
            write_named(db, {release_id: tick})


def test_a_bench_hears_named_metrics_and_a_second_one_says_the_same(ledger: Ledger) -> None:
    release_id = opened(ledger, until=30)
    policy = JudgePolicy(named=(ORDERS,))
    bench = Bench(ledger, release_id, policy)
    assert bench.read()
    assert bench.hearing.verdict().outcome is Outcome.CONTINUE
    write_half(ledger, release_id, 31, SECONDS)
    assert bench.read()
    verdict = bench.hearing.verdict()
    assert verdict.outcome is Outcome.ROLLBACK
    assert verdict.headline.startswith("orders_failed: ")
    with ledger.begin() as db:
        evidence.write_verdict(db, release_id, 0, verdict)
        document = evidence.last_verdict(db, release_id)
    assert document is not None
    assert document["metrics"][0]["name"] == "orders_failed"
    again = Bench(ledger, release_id, policy)
    again.read()
    assert again.hearing.verdict() == verdict


def test_samples_from_before_there_were_named_metrics_are_still_heard(ledger: Ledger) -> None:
    rule = NamedRule("orders_failed", MetricKind.COUNTER_RATIO)
    release_id = opened(ledger, until=40)
    with ledger.begin() as db:
        db.execute(delete(NamedRow))
    bench = Bench(ledger, release_id, JudgePolicy(named=(rule,)))
    assert bench.read()
    (metric,) = (m for m in bench.hearing.verdict().metrics if m.name == "orders_failed")
    assert metric.reason == "orders_failed: not read (nothing was read of it yet)"
