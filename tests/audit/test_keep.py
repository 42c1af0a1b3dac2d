"""Audits on record: a finding has a first day, and is over only when that was seen."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from davylamp.audit.all_rules import CODES as RULE_CODES
from davylamp.audit.codes import CODES
from davylamp.audit.inventory import Inventory
from davylamp.audit.keep import Kept, keep
from davylamp.ledger.audit_models import AlertRow
from davylamp.ledger.audits import last_look, open_findings
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings
from tests.audit.fleets import DAY, Document, digest, healthy

pytestmark = pytest.mark.server


def audited(ledger: Ledger, document: Document) -> Kept:
    return keep(ledger, Settings(), Inventory.model_validate(document))


def with_eighth() -> Document:
    document = healthy(4)
    document["instances"].append(
        document["instances"][-1] | {"id": "the-eighth", "digest": digest("s3 old"), "role": None}
    )
    return document


def test_every_rule_has_a_code_with_words_and_every_code_a_rule() -> None:
    assert CODES.keys() == RULE_CODES


def test_a_finding_is_opened_once_and_closed_once(ledger: Ledger) -> None:
    first = audited(ledger, with_eighth())
    again = audited(ledger, with_eighth())
    over = audited(ledger, healthy(4))
    still = audited(ledger, healthy(4))
    assert [one.instance for one in first.changes.opened] == ["the-eighth"]
    assert not again.changes
    assert [one.first_seen_at for one in again.open] == [one.first_seen_at for one in first.open]
    assert [one.instance for one in over.changes.closed] == ["the-eighth"]
    assert not still.changes
    assert not still.open


def test_a_finding_that_comes_back_is_a_new_one(ledger: Ledger) -> None:
    first = audited(ledger, with_eighth())
    audited(ledger, healthy(4))
    back = audited(ledger, with_eighth())
    assert [one.key for one in back.changes.opened] == [one.key for one in first.changes.opened]
    assert back.open[0].first_seen_at != first.open[0].first_seen_at


def test_a_platform_that_goes_silent_closes_nothing(ledger: Ledger) -> None:
    first = audited(ledger, with_eighth())
    blind = audited(ledger, healthy(4) | {"instances": [], "unseen": {"platform": "is silent"}})
    assert not blind.changes.closed
    assert {one.key for one in first.open} <= {one.key for one in blind.open}
    with ledger.begin() as db:
        look = last_look(db)
    assert look is not None
    assert look.unseen == {"platform": "is silent"}
    assert look.seen_instances == 0


def test_a_warning_that_becomes_critical_is_news(ledger: Ledger) -> None:
    def unseen_for(seconds: float) -> Document:
        document = healthy(4)
        document["instances"][-1]["last_seen_at"] -= seconds
        return document

    (warned,) = audited(ledger, unseen_for(120)).changes.opened
    worse = audited(ledger, unseen_for(DAY)).changes
    assert warned.severity == "warning"
    assert [(one.key, one.severity) for one in worse.worse] == [(warned.key, "critical")]
    assert not worse.opened
    better = audited(ledger, unseen_for(120)).changes
    assert [(one.key, one.severity) for one in better.better] == [(warned.key, "critical")]
    assert not better.closed


def test_who_wants_to_know_is_told_in_the_same_transaction(ledger: Ledger) -> None:
    settings = Settings(
        alert_url="http://127.0.0.1:9/", alert_secret=SecretStr("whsec_" + "c2VjcmV0" * 4)
    )
    for document in (with_eighth(), with_eighth(), healthy(4)):
        keep(ledger, settings, Inventory.model_validate(document))
    with ledger.begin() as db:
        told = list(db.execute(select(AlertRow.document).order_by(AlertRow.id)).scalars())
    assert [one["counts"] for one in told] == [
        {"opened": 1, "worse": 0, "better": 0, "closed": 0},
        {"opened": 0, "worse": 0, "better": 0, "closed": 1},
    ]
    assert told[0]["opened"][0]["instance"] == "the-eighth"


def test_an_audit_that_dies_leaves_the_record_as_it_was(ledger: Ledger) -> None:
    audited(ledger, with_eighth())
    broken = Inventory.model_validate(
        healthy(4) | {"unseen": {"platform": "a \0 can't be written"}}
    )
    with pytest.raises(Exception, match=r"NUL|u0000|Unicode"):
        keep(ledger, Settings(), broken)
    with ledger.begin() as db:
        assert [one.instance for one in open_findings(db)] == ["the-eighth"]
