from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from davylamp.cli.main import make_app
from davylamp.errors import BadInput, Refused
from davylamp.ledger import contracts, schema
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server
DROP = schema.KnownRevision("shop", "r4", "r3", "contract", "ab" * 32)


def approve(*words: str) -> Result:
    return CliRunner().invoke(make_app("schema"), ["schema", "approve", *words])


@pytest.fixture(autouse=True)
def _at_the_ledger(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", postgres_url)
    monkeypatch.setenv("DAVYLAMP_ACTOR", "ana")


def test_a_yes_is_kept_with_who_why_and_what_it_was_for(ledger: Ledger) -> None:
    with ledger.begin() as db:
        schema.note_revisions(db, [DROP])
    done = approve("shop", "r4", "--why", "the old app is off", "--json")
    assert done.exit_code == 0, done.exception
    document = json.loads(done.stdout)
    assert (document["by"], document["sha256"]) == ("ana", DROP.sha256)
    with ledger.begin() as db:
        found = contracts.approval_of(db, "shop", "r4")
    assert found is not None
    assert found.why == "the old app is off"


def test_a_revision_no_build_has_brought_is_refused_and_a_reason_is_needed(ledger: Ledger) -> None:
    assert isinstance(approve("shop", "r9", "--why", "so").exception, Refused)
    assert isinstance(approve("shop", "r4", "--why", " ").exception, BadInput)
