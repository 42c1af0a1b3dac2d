"""What a measurement runs on: a PostgreSQL of its own, with its CPU and its tables' sizes."""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from davylamp.ledger.session import Ledger
from davylamp.plane.postgres import ensure_database, start_postgres
from davylamp.schema.whereabouts import plain_url

_SIZES = """
SELECT relname, pg_total_relation_size(c.oid) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND relkind = 'r'
"""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL with an empty, migrated ledger."""

    url: str
    ledger: Ledger
    folder: Path
    """Scratch, gone at the end."""
    pid: int

    def cpu_seconds(self) -> float:
        """Of all its processes, also of those that have ended."""
        main = psutil.Process(self.pid)
        times = main.cpu_times()
        total = times.user + times.system + times.children_user + times.children_system
        for child in main.children():
            try:
                total += child.cpu_times().user + child.cpu_times().system
            except psutil.NoSuchProcess:
                continue
        return total

    def new_database(self) -> str:
        """An empty one of any name; its URL."""
        name = f"scratch_{uuid.uuid4().hex[:8]}"
        ensure_database(self.url, name)
        return self.url.rsplit("/", 1)[0] + f"/{name}"


def sizes(url: str) -> Counter[str]:
    """Bytes by table, with its indexes and what is stored beside it; rows that are gone don't
    count once they were vacuumed away."""
    with psycopg.connect(plain_url(url), autocommit=True) as db:
        return Counter(dict(db.execute(_SIZES).fetchall()))


def rows(url: str) -> Counter[str]:
    """Rows by table."""
    with psycopg.connect(plain_url(url), autocommit=True) as db:
        tables = [row[0] for row in db.execute(_SIZES)]
        counts: Counter[str] = Counter()
        for table in tables:
            found = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # pyright: ignore
            counts[table] = found[0] if found else 0
        return counts


def vacuum(url: str) -> None:
    """As autovacuum would sooner or later."""
    with psycopg.connect(plain_url(url), autocommit=True) as db:
        db.execute("VACUUM ANALYZE")


@contextmanager
def server() -> Generator[Server]:
    with tempfile.TemporaryDirectory(prefix="davylamp-fleet-") as folder:
        started = start_postgres(Path(folder) / "postgres")
        ensure_database(started.url, "ledger")
        ledger = Ledger.connect(started.url.rsplit("/", 1)[0] + "/ledger")
        ledger.migrate()
        try:
            home = Path(folder) / "home"
            home.mkdir()
            yield Server(_url(ledger), ledger, home, started.pid)
        finally:
            ledger.close()
            started.stop()


def _url(ledger: Ledger) -> str:
    return ledger.engine.url.render_as_string(hide_password=False)
