"""The database whose schema is changed: how it is spoken to, and what its errors mean."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import LiteralString, TypeAlias, cast

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from davylamp.errors import BadInput, Unreachable

Db: TypeAlias = psycopg.Connection[TupleRow]

APPLICATION = "davylamp-schema"
"""What every connection's `application_name` begins with: never one of the service's own."""

_SESSION = {
    # a worker that was killed is noticed while its statement still runs
    "client_connection_check_interval": "1000",
    # a worker that is frozen in mid-transaction gives its locks back
    "idle_in_transaction_session_timeout": "10000",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "30000",
    "lock_timeout": "5000",
}
# A server that vanished without a word is noticed within seconds, not by TCP's own patience.
_PATIENCE = {
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
_GOING_DOWN = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
    psycopg.InterfaceError,
)


@dataclass(frozen=True)
class TargetDatabase:
    """One service's database. `url` is libpq's or SQLAlchemy's; nothing is sent before `connect`.

    Connect to PostgreSQL itself, not through a pooler that shares sessions.
    """

    url: str = field(repr=False)
    name: str = ""
    """As the catalog calls it; empty: the database's own name."""
    connect_seconds: int = 5

    @property
    def conninfo(self) -> str:
        scheme, rest = self.url.partition("://")[::2]
        return f"postgresql://{rest}" if scheme.startswith("postgresql+") else self.url

    @property
    def label(self) -> str:
        """For messages: no password in it."""
        parts = self._parts()
        return f"{self.name or parts.get('dbname', '?')} at {parts.get('host', 'the local socket')}"

    @contextmanager
    def connect(self, work: str) -> Generator[Db]:
        """A session in autocommit, closed at the end; `work` is seen in `application_name`.

        Raises `Unreachable` when the database does not answer, at first or in between.
        """
        db = self._open(work)
        try:
            yield db
        except psycopg.Error as error:
            if is_lost(db, error):
                raise self._unreachable(error) from error
            raise
        finally:
            db.close()

    def _open(self, work: str) -> Db:
        self._parts()
        try:
            db = psycopg.connect(
                make_conninfo(
                    self.conninfo,
                    connect_timeout=self.connect_seconds,
                    application_name=f"{APPLICATION} {work}"[:63],
                    **_PATIENCE,
                ),
                autocommit=True,
            )
            apply_settings(db, _SESSION)
        except psycopg.OperationalError as error:
            raise self._unreachable(error) from error
        return db

    def _parts(self) -> dict[str, object]:
        try:
            return dict(conninfo_to_dict(self.conninfo))
        except psycopg.ProgrammingError as error:
            raise BadInput(
                f"database {self.name or '?'}: its URL can't be read; "
                "write postgresql://user:password@host/database"
            ) from error

    def _unreachable(self, error: psycopg.Error) -> Unreachable:
        why = str(error).strip().splitlines() or [type(error).__name__]
        return Unreachable(
            f"database {self.label} does not answer: {why[0]}; nothing is lost: "
            "once it is back, run this again and it goes on where it stopped"
        )


def is_lost(db: Db, error: psycopg.Error) -> bool:
    """Is the connection gone, or was it only the statement that failed?"""
    return db.closed or isinstance(error, _GOING_DOWN)


def apply_settings(db: Db, settings: dict[str, str], *, local: bool = False) -> None:
    """Set run-time parameters, of the session or (`local`) of the transaction."""
    calls = [
        sql.SQL("set_config({}, {}, {})").format(name, value, local)
        for name, value in settings.items()
    ]
    db.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls)))


def plain_sql(text: str) -> sql.SQL:
    """SQL that was read from a revision or a catalog of PostgreSQL, as it stands."""
    return sql.SQL(cast("LiteralString", text))


def first_line(error: BaseException) -> str:
    """What PostgreSQL said, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
