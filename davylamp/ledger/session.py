"""One ledger: an engine, transactions with deadlines, and its Alembic history."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from davylamp.errors import BadInput, Unreachable

_OPTIONS = (
    "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000"
)
# A server that vanished without a word is noticed within seconds, not by TCP's own patience.
_PATIENCE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Ledger:
    """The record of releases. `begin()` is one transaction; leaving it commits."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def connect(cls, url: str) -> Ledger:
        """Nothing is sent before the first `begin`."""
        return cls(
            create_engine(
                checked_url(url),
                pool_size=4,
                pool_pre_ping=True,
                connect_args={"connect_timeout": 5, "options": _OPTIONS, **_PATIENCE},
            )
        )

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """One transaction. Raises `Unreachable` when the database does not answer."""
        try:
            with self.engine.begin() as db:
                yield db
        except DBAPIError as error:
            interruption = _interruption(error)
            if interruption is not None:
                raise interruption from error
            if isinstance(error, OperationalError | InterfaceError):
                raise Unreachable(f"{self._unreachable(error)}") from error
            if error.connection_invalidated:
                raise Unreachable(f"{self._unreachable(error)}") from error
            raise

    def migrate(self) -> None:
        """Bring the ledger's own schema to the newest revision. Safe to call at once from two
        places: an advisory lock lets one wait for the other."""
        from alembic import command  # here: the controller starts faster without it
        from alembic.config import Config

        with self.begin() as db:
            db.execute(text("SET LOCAL lock_timeout = 0"))
            db.execute(text("SELECT pg_advisory_xact_lock(hashtext('davylamp.ledger.migrate'))"))
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "history"))
            config.attributes["connection"] = db
            command.upgrade(config, "head")

    def close(self) -> None:
        self.engine.dispose()

    def _unreachable(self, error: DBAPIError | InterfaceError) -> str:
        where = self.engine.url.render_as_string(hide_password=True)
        why = str(error.orig or error).strip().splitlines()
        return f"the ledger at {where} does not answer: {why[0] if why else error}"


def _interruption(error: BaseException) -> BaseException | None:
    """What interrupted us while the driver was waiting, where cleaning up after that failed and
    hid it: a run that is being cancelled must not look like one that failed."""
    hidden = error.__context__
    while hidden is not None:
        if not isinstance(hidden, Exception):
            return hidden
        hidden = hidden.__context__
    return None


def checked_url(url: str) -> str:
    """The URL with the psycopg 3 driver. PostgreSQL is the only database the ledger speaks."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadInput(f"DAVYLAMP_LEDGER_URL: {error}") from error
    if not parsed.drivername.startswith("postgresql"):
        raise BadInput(
            f"DAVYLAMP_LEDGER_URL: the ledger needs PostgreSQL, found {parsed.drivername!r}; "
            "write postgresql://user:password@host/database"
        )
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
