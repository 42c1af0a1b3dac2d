"""Notices: one an audit, at least once, signed, and never lost in silence."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from davylamp.audit.alerts import post as posting
from davylamp.audit.alerts.enqueue import enqueue
from davylamp.audit.alerts.send import MOST_ATTEMPTS, delay_seconds, send_pending
from davylamp.audit.alerts.signature import verify
from davylamp.ledger.alerts import Alert, claim_alert, count_alerts, try_again, undelivered
from davylamp.ledger.audits import Changes, Held
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings
from tests.audit.alerts.receiver import Receiver, receiving

pytestmark = pytest.mark.server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def settings(url: str, severity: str = "critical") -> Settings:
    return Settings(alert_url=url, alert_secret=SECRET, alert_severity=severity)


def held(instance: str, severity: str = "critical", code: str = "stale_instance") -> Held:
    document = {"code": code, "severity": severity, "service": "checkout", "instance": instance}
    return Held(code, "checkout", instance, "", severity, document)


def told(ledger: Ledger, changes: Changes, wanted: Settings) -> list[Alert]:
    """What is in the outbox once an audit has told its changes."""
    with ledger.begin() as db:
        enqueue(db, changes, wanted)
        return undelivered(db)


def opened(*found: Held, audit: int = 7) -> Changes:
    return Changes(audit, found, (), ())


def make_due(ledger: Ledger) -> None:
    with ledger.begin() as db:
        db.execute(text("UPDATE alerts SET next_attempt_at = clock_timestamp()"))


def left(ledger: Ledger) -> Alert:
    with ledger.begin() as db:
        (one,) = undelivered(db)
    return one


def test_nothing_is_written_without_an_address(ledger: Ledger) -> None:
    assert told(ledger, opened(held("a")), Settings()) == []


def test_an_audit_without_anything_severe_enough_tells_nothing(ledger: Ledger) -> None:
    warning = opened(held("a", "warning"))
    assert told(ledger, Changes(1, (), (), ()), settings("http://x")) == []
    assert told(ledger, warning, settings("http://x")) == []
    (alert,) = told(ledger, warning, settings("http://x", "warning"))
    assert alert.document["counts"] == {"opened": 1, "worse": 0, "better": 0, "closed": 0}


def test_what_became_worse_or_better_and_what_is_over_is_told_too(ledger: Ledger) -> None:
    changes = Changes(
        7, (held("warns", "warning"),), (held("worse"),), (held("over"),), (held("better"),)
    )
    (alert,) = told(ledger, changes, settings("http://x"))
    assert alert.document["audit"] == 7
    assert alert.document["opened"] == []
    assert [one["instance"] for one in alert.document["worse"]] == ["worse"]
    assert [one["instance"] for one in alert.document["better"]] == ["better"]
    assert [one["instance"] for one in alert.document["closed"]] == ["over"]


def test_an_outage_of_the_whole_fleet_is_one_notice_that_can_be_read(ledger: Ledger) -> None:
    many = [held(f"w-{n}", "warning", "a") for n in range(500)] + [held("c", code="z")]
    (alert,) = told(ledger, opened(*many), settings("http://x", "warning"))
    assert alert.document["counts"]["opened"] == 501
    assert len(alert.document["opened"]) == 100
    assert alert.document["opened"][0]["instance"] == "c"  # the worst is not cut off


def test_a_notice_is_signed_and_sent_once(ledger: Ledger, receiver: Receiver) -> None:
    wanted = settings(receiver.url)
    told(ledger, opened(held("the-eighth")), wanted)
    sent = send_pending(ledger, wanted)
    assert (sent.delivered, sent.failed, sent.given_up, sent.left.pending) == (1, 0, 0, 0)
    assert send_pending(ledger, wanted).delivered == 0
    ((headers, body),) = receiver.received
    assert verify(SECRET, headers, body, time.time()).startswith("audit-")
    found = json.loads(body)
    assert found["type"] == "audit.changed"
    assert found["data"]["opened"][0]["instance"] == "the-eighth"


def test_a_notice_that_was_not_taken_is_sent_again_later_under_the_same_id(
    ledger: Ledger, receiver: Receiver
) -> None:
    wanted = settings(receiver.url)
    told(ledger, opened(held("a")), wanted)
    receiver.status = 500
    assert send_pending(ledger, wanted).failed == 1
    assert "500" in left(ledger).last_error
    assert send_pending(ledger, wanted).failed == 0  # not due yet
    receiver.status = 200
    make_due(ledger)
    assert send_pending(ledger, wanted).delivered == 1
    first, second = (headers["webhook-id"] for headers, _ in receiver.received)
    assert first == second


def test_a_redirect_is_not_followed(ledger: Ledger, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.status, receiver.headers = 307, {"location": elsewhere.url}
        wanted = settings(receiver.url)
        told(ledger, opened(held("a")), wanted)
        assert send_pending(ledger, wanted).failed == 1
        assert elsewhere.received == []
    assert "not followed" in left(ledger).last_error


def test_a_receiver_that_asks_to_be_left_alone_is(ledger: Ledger, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"retry-after": "3600"}
    wanted = settings(receiver.url)
    told(ledger, opened(held("a")), wanted)
    send_pending(ledger, wanted)
    with ledger.begin() as db:
        query = text("SELECT next_attempt_at > clock_timestamp() + interval '50 min' FROM alerts")
        assert db.execute(query).scalar_one()


def test_after_many_attempts_it_is_given_up_with_its_error_and_can_be_tried_again(
    ledger: Ledger, receiver: Receiver
) -> None:
    wanted = settings(receiver.url)
    told(ledger, opened(held("a")), wanted)
    receiver.status = 503
    for _ in range(MOST_ATTEMPTS):
        make_due(ledger)
        sent = send_pending(ledger, wanted)
    assert (sent.given_up, sent.left.given_up, sent.left.pending) == (1, 1, 0)
    assert "503" in left(ledger).last_error
    make_due(ledger)
    assert send_pending(ledger, wanted).failed == 0
    with ledger.begin() as db:
        assert try_again(db) == 1
    receiver.status = 200
    assert send_pending(ledger, wanted).delivered == 1


def test_a_receiver_that_wants_no_more_is_not_asked_again(
    ledger: Ledger, receiver: Receiver
) -> None:
    receiver.status = 410
    wanted = settings(receiver.url)
    told(ledger, opened(held("a")), wanted)
    assert send_pending(ledger, wanted).given_up == 1


def test_a_receiver_that_is_not_there_is_asked_once_a_round(ledger: Ledger) -> None:
    wanted = settings("http://127.0.0.1:9/hook")
    for number in range(3):
        told(ledger, opened(held("a"), audit=number), wanted)
    sent = send_pending(ledger, wanted)
    assert (sent.failed, sent.left.pending) == (1, 3)


def test_a_receiver_that_thinks_for_too_long_is_not_waited_for(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "_SECONDS", 0.2)
    receiver.seconds = 3.0
    wanted = settings(receiver.url)
    told(ledger, opened(held("a")), wanted)
    assert send_pending(ledger, wanted).failed == 1
    assert left(ledger).last_error


def test_two_senders_at_once_send_each_notice_once(ledger: Ledger, receiver: Receiver) -> None:
    receiver.seconds = 0.1
    wanted = settings(receiver.url)
    for number in range(6):
        told(ledger, opened(held("a"), audit=number), wanted)
    with ThreadPoolExecutor(2) as both:
        sent = list(both.map(lambda _: send_pending(ledger, wanted), range(2)))
    assert sum(one.delivered for one in sent) == 6
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 6
    assert len(receiver.received) == 6


def test_a_sender_that_dies_leaves_its_notice_to_the_next(
    ledger: Ledger, receiver: Receiver
) -> None:
    wanted = settings(receiver.url)
    told(ledger, opened(held("a")), wanted)
    with ledger.begin() as db:
        now = db.execute(text("SELECT clock_timestamp()")).scalar_one()
        claimed = claim_alert(db, now, hold=now - now)
    assert claimed is not None
    assert send_pending(ledger, wanted).delivered == 1
    with ledger.begin() as db:
        assert count_alerts(db).pending == 0


def test_waits_grow_and_differ_and_end() -> None:
    dice = random.Random(1)
    waits = [delay_seconds(n, dice) for n in range(1, MOST_ATTEMPTS)]
    assert 5 <= waits[0] <= 15
    assert 10 * 3600 < sum(waits) < 45 * 3600
    assert max(waits) <= 9 * 3600
    assert delay_seconds(3, dice) != delay_seconds(3, dice)


def test_the_secret_is_never_shown(ledger: Ledger, receiver: Receiver) -> None:
    wanted = settings(receiver.url)
    receiver.status = 500
    (alert,) = told(ledger, opened(held("a")), wanted)
    send_pending(ledger, wanted)
    assert SECRET not in repr((wanted, replace(alert), left(ledger)))
