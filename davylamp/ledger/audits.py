"""The record of audits: each look at the fleet, and each finding from when it was first seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from davylamp.ledger.audit_models import AuditRow, FindingRow, InventoryRow

Key = tuple[str, str, str, str]
"""Code, service, instance, subject; '' where there is none."""
_IN_TURN = 0x617564  # pg_advisory_xact_lock: two audits at a time would both open one finding


@dataclass(frozen=True)
class Held:
    """One thing held against the fleet."""

    code: str
    service: str
    instance: str
    subject: str
    severity: str
    document: Mapping[str, Any]
    """As the audit prints it."""
    first_seen_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def key(self) -> Key:
        return self.code, self.service, self.instance, self.subject


@dataclass(frozen=True)
class Look:
    """One audit of the whole fleet."""

    at: datetime
    """When the fleet was seen."""
    seconds: float
    services: int
    seen_instances: int
    counts: Mapping[str, int]
    """Findings by code."""
    unseen: Mapping[str, str]
    """What did not answer, and why."""
    id: int = 0


@dataclass(frozen=True)
class Changes:
    """What one audit found that the one before had not."""

    audit: int
    opened: tuple[Held, ...]
    worse: tuple[Held, ...]
    """Known, and critical now."""
    closed: tuple[Held, ...]
    better: tuple[Held, ...] = ()
    """Critical before, as it was then, and a warning now."""

    def __bool__(self) -> bool:
        return bool(self.opened or self.worse or self.closed or self.better)


def record_look(
    db: Connection, look: Look, held: Sequence[Held], may_close: Callable[[Held], bool]
) -> Changes:
    """Write an audit. A finding that it hasn't is closed where `may_close` says that the audit
    saw enough to know; else it stays open as it was."""
    db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IN_TURN})
    number = _insert_look(db, look)
    known = {one.key: (row, one) for row, one in _open(db)}
    found = {one.key: one for one in held}
    opened = tuple(one for key, one in found.items() if key not in known)
    both = [(known[key][1], one) for key, one in found.items() if key in known]
    worse = tuple(now for was, now in both if now.severity == "critical" != was.severity)
    better = tuple(was for was, now in both if was.severity == "critical" != now.severity)
    gone = [pair for key, pair in known.items() if key not in found and may_close(pair[1])]
    if opened:
        db.execute(insert(FindingRow), [_values(one) for one in opened])
    again = [
        {
            "row": known[key][0],
            "now_severity": one.severity,
            "now_document": dict(one.document),
        }
        for key, one in found.items()
        if key in known
    ]
    if again:
        db.execute(_SEEN_AGAIN, again)
    if gone:
        closing = update(FindingRow).where(FindingRow.id.in_([row for row, _ in gone]))
        db.execute(closing.values(closed_at=func.clock_timestamp()))
    return Changes(number, opened, worse, tuple(one for _, one in gone), better)


def open_findings(db: Connection) -> list[Held]:
    """What is held against the fleet now, the oldest first."""
    return [one for _, one in _open(db)]


def looks_of_last(db: Connection, days: float) -> list[Look]:
    """Audits, oldest first."""
    since = func.clock_timestamp() - timedelta(days=days)
    query = select(AuditRow).where(AuditRow.at >= since).order_by(AuditRow.at)
    return [_look(row) for row in db.execute(query)]


def last_looks(db: Connection, limit: int) -> list[Look]:
    """The newest audits, the last one first."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    return [_look(row) for row in db.execute(query)]


def last_look(db: Connection) -> Look | None:
    return next(iter(last_looks(db, 1)), None)


def _look(row: Any) -> Look:
    return Look(
        row.at, row.seconds, row.services, row.seen_instances, row.counts, row.unseen, row.id
    )


_SEEN_AGAIN = (
    update(FindingRow)
    .where(FindingRow.id == bindparam("row"))
    .values(
        severity=bindparam("now_severity"),
        document=bindparam("now_document"),
        last_seen_at=func.clock_timestamp(),
    )
)


def _insert_look(db: Connection, look: Look) -> int:
    values = {
        "at": look.at,
        "seconds": look.seconds,
        "services": look.services,
        "seen_instances": look.seen_instances,
        "counts": dict(look.counts),
        "unseen": dict(look.unseen),
    }
    return int(db.execute(insert(AuditRow).values(values).returning(AuditRow.id)).scalar_one())


def _open(db: Connection) -> list[tuple[int, Held]]:
    query = select(FindingRow).where(FindingRow.closed_at.is_(None)).order_by(FindingRow.id)
    return [
        (
            row.id,
            Held(
                row.code,
                row.service,
                row.instance,
                row.subject,
                row.severity,
                row.document,
                row.first_seen_at,
            ),
        )
        for row in db.execute(query)
    ]


def _values(one: Held) -> dict[str, Any]:
    return {
        "code": one.code,
        "service": one.service,
        "instance": one.instance,
        "subject": one.subject,
        "severity": one.severity,
        "document": dict(one.document),
    }


def write_value(db: Connection, name: str, content: bytes) -> None:
    """Replace an asset's newest value."""
    values = {"name": name, "content": content, "at": func.clock_timestamp()}
    replace = {key: values[key] for key in ("content", "at")}
    made = upsert(InventoryRow).values(values)
    db.execute(made.on_conflict_do_update(index_elements=["name"], set_=replace))


def read_value(db: Connection, name: str) -> bytes | None:
    query = select(InventoryRow.content).where(InventoryRow.name == name)
    return db.execute(query).scalar_one_or_none()
