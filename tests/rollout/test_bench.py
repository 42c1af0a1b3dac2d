"""What the judge has heard of a release, read from a real ledger as it arrives."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Sample, series_of
from davylamp.judge.verdict import Outcome
from davylamp.ledger import evidence, releases
from davylamp.ledger.session import Ledger
from davylamp.rollout.conduct.bench import Bench
from tests.judge.made import Made, samples_of

pytestmark = pytest.mark.server
News = Mapping[Role, Sequence[Sample]]
BEGAN = 1_700_000_000.0
SEEDS = {Role.CANDIDATE: 1, Role.BASELINE: 2, Role.STABLE: 3}


def readings(seconds: int = 60, rate: float = 100, **faults: Any) -> dict[Role, list[Sample]]:
    """Of all three sides; only the candidate has faults."""
    builds = {role: Made(rate=rate, seconds=seconds) for role in Role}
    builds[Role.CANDIDATE] = Made(rate=rate, seconds=seconds, **faults)
    return {
        role: samples_of(builds[role].series(seed), role, BEGAN) for role, seed in SEEDS.items()
    }


def opened(ledger: Ledger) -> int:
    with ledger.begin() as db:
        return releases.open_release(
            db, service="checkout", image="1.1.0", plan={}, entry={}, seed=1, requested_by="ana"
        ).id


def write(ledger: Ledger, release_id: int, news: News) -> None:
    with ledger.begin() as db:
        for found in news.values():
            evidence.write_samples(db, [replace(s, release_id=release_id) for s in found])


def part(news: News, since: int, until: int | None = None) -> News:
    return {role: found[since:until] for role, found in news.items()}


@pytest.mark.parametrize(
    "faults", [{}, {"error_share": 0.05}, {"slow_share": 0.05, "slow_factor": 5}]
)
def test_a_release_that_another_process_picks_up_goes_on_where_it_was(
    ledger: Ledger, faults: dict[str, Any]
) -> None:
    release_id, news = opened(ledger), readings(**faults)
    first = Bench(ledger, release_id, JudgePolicy())
    for since in range(0, 61, 6):
        write(ledger, release_id, part(news, since, since + 6))
        first.read()
        if since == 30:
            halfway = Bench(ledger, release_id, JudgePolicy())
            halfway.read()
            assert halfway.hearing.verdict() == first.hearing.verdict()
    halfway.read()
    late = Bench(ledger, release_id, JudgePolicy())
    late.read()
    assert late.hearing.verdict() == halfway.hearing.verdict() == first.hearing.verdict()
    expected = Outcome.ROLLBACK if faults else Outcome.CONTINUE
    assert first.hearing.verdict().outcome is expected


def test_it_says_whether_anything_new_of_the_candidate_came(ledger: Ledger) -> None:
    release_id, news = opened(ledger), readings(seconds=10)
    bench = Bench(ledger, release_id, JudgePolicy())
    assert not bench.read()
    write(ledger, release_id, part(news, 0, 4))
    assert bench.read()
    assert not bench.read()
    others = {role: found for role, found in part(news, 4).items() if role is not Role.CANDIDATE}
    write(ledger, release_id, others)
    assert not bench.read()


def test_readings_of_another_release_are_not_heard(ledger: Ledger) -> None:
    mine, theirs = opened(ledger), 12_345
    write(ledger, theirs, readings(seconds=5, error_share=1.0))
    bench = Bench(ledger, mine, JudgePolicy())
    assert not bench.read()
    assert bench.hearing.verdict().candidate_requests == 0


def test_only_what_is_later_than_a_moment_counts_for_a_step(ledger: Ledger) -> None:
    release_id, news = opened(ledger), readings(seconds=20)
    write(ledger, release_id, news)
    bench = Bench(ledger, release_id, JudgePolicy())
    bench.read()
    later = bench.later_than(Role.CANDIDATE, BEGAN + 15)
    assert [s.at - BEGAN for s in later] == [16, 17, 18, 19, 20]
    assert len(series_of(later)) == 4
    assert bench.later_than(Role.BASELINE, time.time()) == []


def test_the_watch_at_full_traffic_hears_gross_harm_alone_and_nothing_from_before_it(
    ledger: Ledger,
) -> None:
    release_id = opened(ledger)
    before = readings(seconds=60, error_share=0.5)
    write(ledger, release_id, before)
    reference = series_of(before[Role.BASELINE])
    last = before[Role.CANDIDATE][-1]
    watch = Bench(ledger, release_id, JudgePolicy(), reference, since=last.at)
    assert not watch.read()
    write(ledger, release_id, {Role.CANDIDATE: _after(last, seconds=40)})
    watch.read()
    verdict = watch.hearing.verdict()
    assert (verdict.outcome, verdict.headline) == (Outcome.CONTINUE, "no gross harm")
    newest = watch.samples[Role.CANDIDATE][-1]
    write(ledger, release_id, {Role.CANDIDATE: _after(newest, seconds=20, error_share=0.5)})
    watch.read()
    assert watch.hearing.verdict().outcome is Outcome.ROLLBACK


def _after(last: Sample, seconds: int, **faults: Any) -> list[Sample]:
    """What the same copies report next, with ten times the traffic."""
    made = samples_of(Made(rate=1000, seconds=seconds, **faults).series(9), last.role, last.at)
    return [
        replace(
            s,
            started=s.started + last.started,
            succeeded=s.succeeded + last.succeeded,
            failed=s.failed + last.failed,
            responses=tuple(a + b for a, b in zip(s.responses, last.responses, strict=True)),
            latency=tuple(a + b for a, b in zip(s.latency, last.latency, strict=True)),
            cpu_seconds=(s.cpu_seconds or 0.0) + (last.cpu_seconds or 0.0),
        )
        for s in made[1:]
    ]


def test_a_release_picked_up_in_a_step_with_other_shares_is_no_mismatch(ledger: Ledger) -> None:
    release_id, news = opened(ledger), readings(seconds=100, rate=200)
    write(ledger, release_id, news)
    for shares in ((0.1, 0.1), (0.75, 0.25)):
        bench = Bench(ledger, release_id, JudgePolicy())
        # as the watcher of the present step does, before it reads
        bench.hearing.intend(*shares, since=news[Role.CANDIDATE][-1].at)
        bench.read()
        missing = bench.hearing.verdict().missing
        assert not any("sample-ratio mismatch" in line for line in missing), shares
