"""Forgetting the evidence of a release that ended long ago: its samples, its named readings, and
all but its newest verdicts.

`samples` is the largest table by far, and has no index by time: what is old is found release by
release, along its key. A release's samples and readings go last; as long as there are any, its
evidence isn't forgotten yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection, text

KEPT_VERDICTS = 5
"""The newest of a release: what it was decided by, and what was said before that."""

Begin = Callable[[], AbstractContextManager[Connection]]
"""Begins a transaction."""

_NEXT = text("""
SELECT least((SELECT min(release_id) FROM samples WHERE release_id > :after),
             (SELECT min(release_id) FROM named_readings WHERE release_id > :after))
""")
_AGE = text("""
SELECT created_at >= :before AS is_young, coalesce(ended_at < :before, false) AS is_old
FROM releases WHERE id = :release
""")
_NEWEST = """
SELECT id FROM verdicts WHERE release_id = :release ORDER BY id DESC LIMIT :kept
"""
_EVIDENCE = ("named_readings", "samples")
_COUNT = text(f"""
SELECT (SELECT count(*) FROM samples WHERE release_id = :release) AS samples,
  (SELECT count(*) FROM named_readings WHERE release_id = :release) AS named_readings,
  (SELECT count(*) FROM verdicts WHERE release_id = :release AND id NOT IN ({_NEWEST})) AS verdicts
""")


def old_releases(begin: Begin, before: datetime) -> Iterator[int]:
    """Releases that ended before a moment and whose evidence is still there, oldest first. One
    that is still under way is passed over, however old it is."""
    after = 0
    while True:
        with begin() as db:
            release = db.execute(_NEXT, {"after": after}).scalar_one()
            if release is None:
                return
            age = db.execute(_AGE, {"release": release, "before": before}).first()
        if age is not None and age.is_young:
            return  # releases are numbered as they begin: those that follow are younger still
        if age is not None and age.is_old:
            yield release
        after = release


def count_old_evidence(db: Connection, release: int) -> Mapping[str, int]:
    """Rows by table that `forget_evidence` would delete."""
    row = db.execute(_COUNT, {"release": release, "kept": KEPT_VERDICTS}).one()
    return {"samples": row.samples, "named_readings": row.named_readings, "verdicts": row.verdicts}


def forget_evidence(begin: Begin, release: int, most_rows: int) -> Iterator[tuple[str, int]]:
    """Delete it batch by batch; gives table and rows of each batch, when it is done."""
    forgotten = f"DELETE FROM verdicts WHERE release_id = :release AND id NOT IN ({_NEWEST})"
    with begin() as db:
        gone = db.execute(text(forgotten), {"release": release, "kept": KEPT_VERDICTS})
    yield "verdicts", gone.rowcount
    for table in _EVIDENCE:
        some = f"SELECT ctid FROM {table} WHERE release_id = :release LIMIT :rows"
        query = text(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({some}))")
        rows = most_rows
        while rows == most_rows:
            with begin() as db:
                rows = db.execute(query, {"release": release, "rows": most_rows}).rowcount
            yield table, rows
