"""Bringing the ledger's schema up to date before anything that uses it starts."""

from __future__ import annotations

import threading

from davylamp.errors import Refused

_one_at_a_time = threading.Lock()
_migrated: set[str] = set()


class LedgerReady:
    """Called before each start of a part that needs the ledger; migrates once."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self) -> None:
        with _one_at_a_time:
            if self._url not in _migrated:
                _migrate(self._url)
                _migrated.add(self._url)


def _migrate(url: str) -> None:
    """`Unreachable` when the ledger does not answer, `Refused` when it cannot be migrated."""
    # imported here: a supervisor of PostgreSQL alone needs none of it
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from davylamp.ledger.session import Ledger

    ledger = Ledger.connect(url)
    try:
        ledger.migrate()
    except (SQLAlchemyError, CommandError) as error:
        raise Refused(
            f"the ledger's schema could not be brought up to date: {error}; "
            "is the database of a newer Davylamp?"
        ) from error
    finally:
        ledger.close()
