"""What retention leaves of a month: the ledger's size, day by day, with `tidy` once a day.

A few releases a day stand for many: their rows are copies of those of releases that were really
conducted, moved to their day.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from benchmarks.simulated_fleet.servers import Server, sizes, vacuum
from davylamp.ledger.releases import database_now
from davylamp.ledger.retention import Keep, tidy

_RELEASES = """
INSERT INTO releases (service, image, digest, version, stable_digest, state, reason, plan, entry,
  step, seed, requested_by, run_id, created_at, ended_at, figures)
SELECT service, image, digest, version, stable_digest, state, reason, plan, entry, step, seed,
  requested_by, run_id, cast(:day AS timestamptz), cast(:day AS timestamptz), figures
FROM models.releases WHERE id = :model RETURNING id
"""
_COPIES = (
    "INSERT INTO samples SELECT :new, role, at, service, counters FROM models.samples"
    " WHERE release_id = :model",
    "INSERT INTO verdicts (release_id, at, step, outcome, judge, headline, document)"
    " SELECT :new, :day, step, outcome, judge, headline, document FROM models.verdicts"
    " WHERE release_id = :model ORDER BY id",
    "INSERT INTO release_events (release_id, at, kind, message, data)"
    " SELECT :new, :day, kind, message, data FROM models.release_events"
    " WHERE release_id = :model ORDER BY id",
    "INSERT INTO instances (id, service, digest, role, release_id, state, address, reason,"
    " started_at, observed_at) SELECT id || '-copy-' || :new, service, digest, role, :new,"
    " 'stopped', address, reason, started_at, :day FROM models.instances WHERE release_id = :model",
)
_LOOKS = """
INSERT INTO audits (at, seconds, services, seen_instances, counts, unseen)
SELECT cast(:day AS timestamptz) + n * interval '1 minute', 1, 500, 10000,
  '{"stale_instance": 1}'::jsonb, '{}'::jsonb FROM generate_series(0, 1439) n
"""


@dataclass(frozen=True)
class MonthCost:
    """Bytes of the ledger at the end of each day."""

    releases_a_day: int
    by_day: tuple[Counter[str], ...]
    """By table, beyond what was there at first."""
    deleted: dict[str, int]
    """Rows, in the whole month."""

    def of_releases(self, day: int) -> int:
        """What grows with the number of releases; audits come by the minute, whatever happens."""
        return sum(self.by_day[day][table] for table in _OF_RELEASES)

    @property
    def kept_for_ever_bytes(self) -> float:
        """What a release leaves in the end."""
        record = ("releases", "release_events", "verdicts")
        last, releases = self.by_day[-1], len(self.by_day) * self.releases_a_day
        return sum(last[table] for table in record) / releases


def measure(server: Server, keep: Keep, *, days: int, releases_a_day: int) -> MonthCost:
    """The server's ledger has releases that have ended: they are the models."""
    with server.ledger.begin() as db:
        db.execute(text("CREATE SCHEMA models"))
        for table in _OF_RELEASES:  # those in the ledger are forgotten in their time
            db.execute(text(f"CREATE TABLE models.{table} AS SELECT * FROM {table}"))
        models = list(db.execute(text(_MODELS)).scalars())
        began = database_now(db)
    vacuum(server.url)
    first = sizes(server.url)
    by_day: list[Counter[str]] = []
    deleted: dict[str, int] = {}
    for day in range(days):
        at = began + timedelta(days=day)
        for number in range(releases_a_day):
            with server.ledger.begin() as db:
                _copy(db, models[number % len(models)], at)
        with server.ledger.begin() as db:
            db.execute(text(_LOOKS), {"day": at})
        done = tidy(server.ledger, keep, now=at + timedelta(days=1))
        for table, rows in done.rows.items():
            deleted[table] = deleted.get(table, 0) + rows
        vacuum(server.url)
        by_day.append(sizes(server.url) - first)
    return MonthCost(releases_a_day, tuple(by_day), deleted)


_OF_RELEASES = ("samples", "verdicts", "releases", "release_events", "instances")
_MODELS = """
SELECT DISTINCT release_id FROM samples JOIN releases ON releases.id = release_id
WHERE ended_at IS NOT NULL ORDER BY 1
"""


def _copy(db: Connection, model: int, day: datetime) -> None:
    new = db.execute(text(_RELEASES), {"model": model, "day": day}).scalar_one()
    for statement in _COPIES:
        db.execute(text(statement), {"model": model, "new": new, "day": day})
