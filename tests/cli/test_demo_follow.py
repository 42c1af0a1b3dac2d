"""The demonstration follows releases by the ledger alone, and reports what it recorded."""

from __future__ import annotations

import threading

import pytest

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.follow import News, follow
from davylamp.cli.demo.recorded import read_facts, release_of
from davylamp.errors import Unreachable
from davylamp.judge.verdict import MetricVerdict, Outcome, Verdict
from davylamp.ledger import releases, routes
from davylamp.ledger.evidence import write_verdict
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server

DIGEST = "sha256:" + "ab" * 32
PUSHED = PushedImage("shop/checkout", "1.1.0", DIGEST)


def begin(ledger: Ledger, image: str = "shop/checkout:1.1.0") -> releases.Release:
    with ledger.begin() as db:
        opened = releases.open_release(
            db, service="checkout", image=image, plan={}, entry={}, seed=1, requested_by="a test"
        )
        routes.take_route(db, "checkout", opened.id, 1, 60)
        return opened


def verdict(outcome: Outcome, headline: str, *metrics: MetricVerdict) -> Verdict:
    return Verdict(outcome, headline, "fail-ratio", metrics)


def go_wrong(ledger: Ledger, release_id: int) -> None:
    """1.1.0 meets users, fails, and is taken back."""
    against = MetricVerdict("error_rate", "High", "1 in 5 fails", True, 0.2, 0.0)
    with ledger.begin() as db:
        releases.note_traffic(db, release_id)
        write_verdict(db, release_id, 0, verdict(Outcome.CONTINUE, "too early"))
        write_verdict(db, release_id, 0, verdict(Outcome.ROLLBACK, "it fails", against))
        releases.note_decision(db, release_id, "it fails", ReleaseState.ROLLED_BACK)
        figures = {"candidate_requests": 50.0, "candidate_failed": 10.0}
        releases.update_release(db, release_id, "figures", "counted", figures=figures)
        releases.end_release(db, release_id, ReleaseState.ROLLED_BACK, "it fails")


@pytest.mark.parametrize("image", ["shop/checkout:1.1.0", f"shop/checkout@{DIGEST}"])
def test_a_release_is_found_by_its_tag_or_its_digest(ledger: Ledger, image: str) -> None:
    opened = begin(ledger, image)
    other = PushedImage("shop/checkout", "1.2.0", "sha256:" + "cd" * 32)
    with ledger.begin() as db:
        found = release_of(db, "checkout", PUSHED)
        assert found is not None
        assert found.id == opened.id
        assert release_of(db, "checkout", other) is None
        assert release_of(db, "cart", PUSHED) is None


def test_following_tells_each_change_once_and_returns_the_ended_release(ledger: Ledger) -> None:
    heard: list[News] = []
    # The release begins and ends while somebody is following already.
    begun = threading.Timer(0.5, lambda: go_wrong(ledger, begin(ledger).id))
    begun.start()
    ended = follow(ledger, "checkout", PUSHED, seconds=30, on_news=heard.append)
    begun.join()
    assert ended.state is ReleaseState.ROLLED_BACK
    assert (heard[-1].state, heard[-1].verdict) == (ReleaseState.ROLLED_BACK, "it fails")
    assert len(heard) == len(set(heard))


def test_a_release_that_never_begins_or_never_ends_is_not_waited_for_for_ever(
    ledger: Ledger,
) -> None:
    def ignore(_: News) -> None:
        pass

    with pytest.raises(Unreachable, match=r"no release of checkout 1\.1\.0 began"):
        follow(ledger, "checkout", PUSHED, seconds=0.1, on_news=ignore)
    begin(ledger)
    with pytest.raises(Unreachable, match="has not ended"):
        follow(ledger, "checkout", PUSHED, seconds=0.1, on_news=ignore)


def test_the_facts_carry_the_counts_the_times_and_the_verdict_that_decided(ledger: Ledger) -> None:
    opened = begin(ledger)
    go_wrong(ledger, opened.id)
    with ledger.begin() as db:
        facts = read_facts(db, releases.get_release(db, opened.id))
    assert (facts.version, facts.outcome, facts.reason) == ("1.1.0", "rolled_back", "it fails")
    assert (facts.candidate_requests, facts.candidate_failed) == (50, 10)
    assert facts.traffic_at
    assert facts.decided_at
    assert facts.ended_at
    assert [row.metric for row in facts.evidence] == ["error_rate"]
    assert facts.evidence[0].candidate == pytest.approx(0.2)


def test_a_promotions_evidence_is_the_verdict_that_promoted_and_not_the_watch(
    ledger: Ledger,
) -> None:
    opened = begin(ledger)
    fine = MetricVerdict("error_rate", "Pass", "no more failures than the baseline")
    with ledger.begin() as db:
        write_verdict(db, opened.id, 1, verdict(Outcome.PROMOTE, "no harm seen", fine))
        write_verdict(db, opened.id, 2, verdict(Outcome.CONTINUE, "watching"))
        releases.end_release(db, opened.id, ReleaseState.PROMOTED, "no harm seen")
        facts = read_facts(db, releases.get_release(db, opened.id))
    assert [row.metric for row in facts.evidence] == ["error_rate"]
