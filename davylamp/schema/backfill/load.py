"""Read a database's load."""

from __future__ import annotations

from davylamp.schema.backfill.throttle import Load
from davylamp.schema.database import APPLICATION, Db

_REPLICAS = """
SELECT coalesce((SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, '0/0')))
                 FROM pg_stat_replication WHERE state IN ('streaming', 'catchup')), 0)::float8,
       coalesce((SELECT max(extract(epoch FROM replay_lag)) FROM pg_stat_replication), 0)::float8,
       coalesce((SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))
                 FROM pg_replication_slots WHERE restart_lsn IS NOT NULL), 0)::float8
"""
_SESSIONS = """
SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'),
       coalesce(max(extract(epoch FROM clock_timestamp() - xact_start))
                FILTER (WHERE backend_xmin IS NOT NULL OR backend_xid IS NOT NULL), 0)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend' AND application_name NOT LIKE %s
"""
_SEES = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"


def read_load(db: Db) -> Load:
    """Takes a millisecond or two."""
    replicas = db.execute(_REPLICAS).fetchone() or (0, 0, 0)
    sessions = db.execute(_SESSIONS, [f"{APPLICATION} %"]).fetchone() or (0, 0)
    return Load(replicas[0], replicas[1], replicas[2], sessions[0], sessions[1])


def sees_everything(db: Db) -> bool:
    """Without pg_read_all_stats, other roles' sessions and replicas can't be seen."""
    found = db.execute(_SEES).fetchone()
    return bool(found and found[0])
