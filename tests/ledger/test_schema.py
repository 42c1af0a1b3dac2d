"""What the ledger remembers of schema change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from davylamp.errors import Refused
from davylamp.ledger import contracts, schema
from davylamp.ledger.schema import KnownRevision
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server
DROP = KnownRevision(
    "shop",
    "r2",
    "r1",
    "contract",
    "ab" * 32,
    ({"kind": "column", "schema": "public", "table": "orders", "column": "state"},),
    brought_by="orders 1.2.0",
)
FIRST = KnownRevision("shop", "r1", None, "expand", "cd" * 32)


def test_a_revision_is_remembered_as_it_was_first_seen(ledger: Ledger) -> None:
    with ledger.begin() as db:
        assert schema.note_revisions(db, [DROP, FIRST]) == []
        assert schema.note_revisions(db, [replace(DROP, brought_by="orders 1.3.0")]) == []
        assert schema.known_revision(db, "shop", "r2") == DROP
        assert {r.revision for r in schema.revisions_of(db, "shop")} == {"r1", "r2"}


def test_an_edited_revision_is_told_with_who_brought_it(ledger: Ledger) -> None:
    with ledger.begin() as db:
        schema.note_revisions(db, [DROP])
        wrong = schema.note_revisions(db, [replace(DROP, sha256="ef" * 32)])
    assert len(wrong) == 1
    assert "orders 1.2.0" in wrong[0]


def test_an_approval_is_of_the_revision_as_it_is_known(ledger: Ledger) -> None:
    with ledger.begin() as db, pytest.raises(Refused, match="no build has brought"):
        contracts.approve_contract(db, "shop", "r2", "ana", "the old app is off")
    with ledger.begin() as db:
        schema.note_revisions(db, [DROP, FIRST])
        assert contracts.approval_of(db, "shop", "r2") is None
        contracts.approve_contract(db, "shop", "r2", "ana", "the old app is off")
        found = contracts.approval_of(db, "shop", "r2")
        assert (found and (found.by, found.why)) == ("ana", "the old app is off")
        assert [e.kind for e in schema.schema_events(db, "shop")] == ["approved"]
    with ledger.begin() as db, pytest.raises(Refused, match="needs no approval"):
        contracts.approve_contract(db, "shop", "r1", "ana", "why not")


def test_a_point_of_no_return_is_written_once(ledger: Ledger) -> None:
    ended = [{"service": "orders", "version": "1.0.0", "digest": "sha256:aa"}]
    with ledger.begin() as db:
        first = contracts.note_no_return(db, "shop", "r2", ended, by="davylamp")
        again = contracts.note_no_return(db, "shop", "r2", [], by="somebody")
        assert again == first
        assert contracts.points_of_no_return(db) == [first]
        assert contracts.points_of_no_return(db, "other") == []


def test_the_state_that_was_last_seen_replaces_the_one_before(ledger: Ledger) -> None:
    with ledger.begin() as db:
        schema.mirror_state(db, "shop", "r1", {"phase": "migrate", "done": 0.4})
        schema.mirror_state(db, "shop", "r2", {"phase": "contract"})
        found = schema.mirrored_states(db)["shop"]
    assert (found.present, found.document) == ("r2", {"phase": "contract"})


@pytest.mark.parametrize("table", ["schema_events", "points_of_no_return", "contract_approvals"])
@pytest.mark.parametrize(
    "statement", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET \"by\" = ''"]
)
def test_what_was_decided_can_only_be_added_to(ledger: Ledger, table: str, statement: str) -> None:
    with pytest.raises(Exception, match=f"{table} is append-only"), ledger.begin() as db:
        db.execute(text(statement.format(table)))
