"""Who misses a column whose rights were taken? What PostgreSQL lets us see of it.

A statement that was denied leaves no trace in any catalog: `pg_stat_statements` keeps only those
that succeeded, `pg_stat_database` counts rolled-back transactions without saying why. So there are
three witnesses, none of which sees everything:
- the caller's signal (the services' own error rate, their logs): the one to rely on;
- the last statement of each session of the roles, sampled: one that names the column since the
  rights were taken must have been denied. A session that goes on at once is missed;
- the number of rolled-back transactions, which only makes one look closer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from davylamp.schema.database import Db
from davylamp.schema.quarantine_record import Quarantine

_STATEMENTS = """
SELECT pid, coalesce(application_name, ''), usename, query FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query_start > %s
  AND EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = ANY (%s)
              AND pg_has_role(usesysid, r.oid, 'MEMBER'))
ORDER BY query_start
"""
_ROLLBACKS = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Missed:
    """Somebody used the column: the evidence, in words."""

    what: str


def missed_by(db: Db, quarantine: Quarantine) -> Missed | None:
    """The first session whose last statement names the column and its table."""
    rows = db.execute(_STATEMENTS, [quarantine.began_at, list(quarantine.roles)])
    for pid, application, user, query in rows:
        if names_column(query or "", quarantine.held.table, quarantine.held.column):
            short = " ".join(query.split())[:200]
            return Missed(f"session {pid} ({application!r}, role {user}) ran: {short}")
    return None


def names_column(query: str, table: str, column: str) -> bool:
    """Does the text name both, as words or within quotes? `SELECT *` names none; it is denied
    all the same."""
    return _names(query, table) and (_names(query, column) or _takes_all(query))


def rollbacks_since(db: Db, quarantine: Quarantine) -> int:
    """Transactions of this database that were rolled back since it began, whatever for."""
    found = db.execute(_ROLLBACKS).fetchone()
    return int(found[0]) - quarantine.rollbacks_before if found else 0


def _names(query: str, name: str) -> bool:
    doubled = name.replace('"', '""')
    if f'"{doubled}"' in query:
        return True
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", query, re.IGNORECASE) is not None


def _takes_all(query: str) -> bool:
    return (
        re.search(
            r"\bselect\b[^;]*?(?:[\s,.]|^)\*\s*(?:,|\bfrom\b)|\breturning\s+\*",
            query,
            re.IGNORECASE,
        )
        is not None
    )
