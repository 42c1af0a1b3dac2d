from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from davylamp.errors import BadInput, FencedOff, Refused, Unreachable
from davylamp.ledger import releases
from davylamp.ledger.audit_models import AuditRow
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server


def opened(ledger: Ledger, service: str = "checkout") -> Release:
    with ledger.begin() as db:
        return releases.open_release(
            db, service=service, image="1.1.0", plan={}, entry={}, seed=1, requested_by="ana"
        )


def test_the_history_builds_exactly_the_tables_of_the_models(ledger: Ledger) -> None:
    with ledger.begin() as db:
        context = MigrationContext.configure(db, opts={"version_table": "ledger_revision"})
        assert compare_metadata(context, AuditRow.metadata) == []


def test_migrating_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.migrate()
    ledger.migrate()


def test_a_service_has_one_active_release_and_the_refusal_names_it(ledger: Ledger) -> None:
    first = opened(ledger)
    with pytest.raises(Refused, match=f"release {first.id}"):
        opened(ledger)
    opened(ledger, "cart")


def test_after_its_end_a_release_makes_room_for_the_next(ledger: Ledger) -> None:
    first = opened(ledger)
    with ledger.begin() as db:
        releases.end_release(db, first.id, ReleaseState.REFUSED, "unsigned")
    assert opened(ledger).id > first.id


def test_an_ended_release_cannot_be_changed_and_the_error_says_how_it_ended(
    ledger: Ledger,
) -> None:
    first = opened(ledger)
    with ledger.begin() as db:
        releases.end_release(db, first.id, ReleaseState.ABANDONED, "its run has died")
    with pytest.raises(FencedOff, match="abandoned: its run has died"), ledger.begin() as db:
        releases.end_release(db, first.id, ReleaseState.PROMOTED, "late")


def test_every_change_is_an_event_in_order(ledger: Ledger) -> None:
    first = opened(ledger)
    with ledger.begin() as db:
        releases.note_traffic(db, first.id)
        releases.note_decision(db, first.id, "errors", ReleaseState.ROLLED_BACK)
        releases.end_release(db, first.id, ReleaseState.ROLLED_BACK, "errors")
        kinds = [event.kind for event in releases.events_of(db, first.id)]
    assert kinds == ["opened", "traffic", "rolling_back", "rolled_back"]


@pytest.mark.parametrize("statement", ["DELETE FROM", "TRUNCATE", "UPDATE"])
def test_events_can_only_be_appended(ledger: Ledger, statement: str) -> None:
    opened(ledger)
    tail = " SET message = 'it never happened'" if statement == "UPDATE" else ""
    with pytest.raises(Exception, match="append-only"), ledger.begin() as db:
        db.execute(text(f"{statement} release_events{tail}"))


def test_a_wish_needs_an_active_release(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="no active release"), ledger.begin() as db:
        releases.wish(db, "checkout", "promote", "ana", "")
    opened(ledger)
    with ledger.begin() as db:
        wished = releases.wish(db, "checkout", "promote", "ana", "the load is a test")
    assert (wished.wish, wished.wish_by) == ("promote", "ana")


def test_a_ledger_that_does_not_answer_is_unreachable_and_says_where() -> None:
    nowhere = Ledger.connect("postgresql://postgres@127.0.0.1:9/none")
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"), nowhere.begin():
        pass


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://a/b"])
def test_another_database_than_postgresql_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="PostgreSQL"):
        Ledger.connect(url)
