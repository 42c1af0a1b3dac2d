"""A transaction ends as it should, whatever interrupts it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server


class Cancelled(BaseException):
    """As a run is interrupted."""


def interrupt() -> None:
    try:
        raise Cancelled
    except Cancelled:
        raise ProgrammingError("", {}, Exception("connection in status ACTIVE"))  # noqa: B904


def test_an_interruption_is_not_hidden_by_what_fails_while_cleaning_up(ledger: Ledger) -> None:
    with pytest.raises(Cancelled), ledger.begin():
        interrupt()
    with ledger.begin() as db:
        assert db.execute(text("SELECT 1")).scalar_one() == 1


def test_a_statement_that_is_wrong_is_said_to_be(ledger: Ledger) -> None:
    with pytest.raises(ProgrammingError, match="nothing_like_it"), ledger.begin() as db:
        db.execute(text("SELECT * FROM nothing_like_it"))
