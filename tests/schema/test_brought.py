"""The revisions of builds, as the ledger remembers them one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.catalog.databases import Database
from davylamp.errors import BadInput, Refused
from davylamp.ledger import schema
from davylamp.ledger.session import Ledger
from davylamp.schema.brought import history_of, remember
from davylamp.schema.phases import Phase
from davylamp.schema.revision import DualWrite, Revision


def revision(name: str, down: str | None, sql: str = "", sha: str = "") -> Revision:
    phase = Phase.CONTRACT if "DROP" in sql else Phase.EXPAND
    return Revision(name, down, phase, Path(f"{name}.py"), sql, sha or f"sha of {name}")


FIRST = revision("r1", None)
SECOND = revision("r2", "r1")
DROP = revision("r3", "r2", 'ALTER TABLE "Orders" DROP COLUMN state')


def told(ledger: Ledger, *revisions: Revision, present: str = "") -> list[str]:
    with ledger.begin() as db:
        remember(db, "shop", revisions, present, "orders 1.0.0")
        return sorted(one.revision for one in schema.revisions_of(db, "shop"))


def test_the_history_is_of_the_only_database_or_of_the_one_that_says_so() -> None:
    assert history_of({}) == ""
    assert history_of({"shop": Database()}) == "shop"
    assert history_of({"shop": Database(), "audit": Database()}) == ""
    assert history_of({"shop": Database(), "audit": Database(migrations="m")}) == "audit"


@pytest.mark.server
def test_what_a_revision_drops_is_read_from_its_sql(ledger: Ledger) -> None:
    assert told(ledger, FIRST, SECOND, DROP) == ["r1", "r2", "r3"]
    with ledger.begin() as db:
        found = schema.known_revision(db, "shop", "r3")
    assert found is not None
    assert [(d["kind"], d["table"], d["column"]) for d in found.drops] == [
        ("column", "Orders", "state")
    ]


@pytest.mark.server
def test_a_revision_edited_after_it_ran_is_refused_and_before_that_replaced(
    ledger: Ledger,
) -> None:
    told(ledger, FIRST, SECOND, present="r1")
    assert told(ledger, FIRST, revision("r2", "r1", sha="better"), present="r1") == ["r1", "r2"]
    with pytest.raises(Refused, match="r2 of shop was better"):
        told(ledger, FIRST, SECOND, present="r2")


@pytest.mark.server
def test_a_revision_of_a_refused_build_makes_room_with_all_that_followed_it(
    ledger: Ledger,
) -> None:
    told(ledger, FIRST, SECOND, DROP, present="r1")
    assert told(ledger, FIRST, revision("r2b", "r1"), present="r1") == ["r1", "r2b"]
    with pytest.raises(BadInput, match="forks after r1"):
        told(ledger, FIRST, SECOND, present="r2b")


@pytest.mark.server
def test_an_older_build_takes_nothing_away_that_is_still_to_run(ledger: Ledger) -> None:
    told(ledger, FIRST, SECOND, DROP, present="r2")
    assert told(ledger, FIRST, SECOND, present="r2") == ["r1", "r2", "r3"]


@pytest.mark.server
def test_two_columns_kept_equal_are_remembered_with_their_revision(ledger: Ledger) -> None:
    pair = DualWrite("orders", "state", "status")
    moved = Revision("r1", None, Phase.MIGRATE, Path("r1.py"), "", "sha", dual_write=pair)
    told(ledger, moved)
    with ledger.begin() as db:
        found = schema.known_revision(db, "shop", "r1")
    assert found is not None
    assert found.dual_write is not None
    assert DualWrite(**found.dual_write) == pair
