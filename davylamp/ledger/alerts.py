"""The outbox of notices: written with what they tell of, claimed by whoever sends them.

A claim counts the attempt and puts the next one off in the same breath, so that no lock is held
while a receiver thinks, and a sender that dies has its notice sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from davylamp.ledger.audit_models import AlertRow

_NOW = func.clock_timestamp()
_IS_PENDING = and_(AlertRow.delivered_at.is_(None), AlertRow.given_up_at.is_(None))


@dataclass(frozen=True)
class Alert:
    """One notice, and how far it has come."""

    id: int
    at: datetime
    kind: str
    document: Mapping[str, Any]
    attempts: int
    next_attempt_at: datetime
    delivered_at: datetime | None = None
    given_up_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True)
class AlertCounts:
    """How many have not arrived."""

    pending: int = 0
    given_up: int = 0


def write_alert(db: Connection, kind: str, document: Mapping[str, Any]) -> int:
    """Write a notice, to be sent at once; its id."""
    values = {"kind": kind, "document": dict(document)}
    return int(db.execute(insert(AlertRow).values(values).returning(AlertRow.id)).scalar_one())


def claim_alert(db: Connection, due_by: datetime, hold: timedelta) -> Alert | None:
    """Take the oldest notice that was due by a moment (by the database's clock), and count the
    attempt: for `hold` nobody else takes it."""
    due = and_(_IS_PENDING, AlertRow.next_attempt_at <= due_by)
    one = select(AlertRow.id).where(due).order_by(AlertRow.id).limit(1)
    mine = one.with_for_update(skip_locked=True).scalar_subquery()
    values = {"attempts": AlertRow.attempts + 1, "next_attempt_at": _NOW + hold}
    query = update(AlertRow).where(AlertRow.id == mine).values(values).returning(AlertRow)
    row = db.execute(query).first()
    return _alert(row) if row else None


def note_delivered(db: Connection, alert: int) -> None:
    _note(db, AlertRow.id == alert, delivered_at=_NOW, given_up_at=None, last_error="")


def note_failed(db: Connection, alert: int, error: str, again_in: timedelta | None) -> None:
    """The attempt failed. None: it was the last."""
    is_open = and_(AlertRow.id == alert, AlertRow.delivered_at.is_(None))
    if again_in is None:
        _note(db, is_open, given_up_at=_NOW, last_error=error)
    else:
        _note(db, is_open, next_attempt_at=_NOW + again_in, last_error=error)


def try_again(db: Connection) -> int:
    """Make all that were given up due again, from their first attempt; how many."""
    given_up = update(AlertRow).where(AlertRow.given_up_at.is_not(None))
    values = {"given_up_at": None, "attempts": 0, "next_attempt_at": _NOW}
    return db.execute(given_up.values(values)).rowcount


def undelivered(db: Connection, limit: int = 1000) -> list[Alert]:
    """What is pending or was given up, the oldest first."""
    query = select(AlertRow).where(AlertRow.delivered_at.is_(None)).order_by(AlertRow.id)
    return [_alert(row) for row in db.execute(query.limit(limit))]


def count_alerts(db: Connection) -> AlertCounts:
    is_given_up = AlertRow.given_up_at.is_not(None)
    query = select(
        func.count().filter(~is_given_up).label("pending"),
        func.count().filter(is_given_up).label("given_up"),
    ).where(AlertRow.delivered_at.is_(None))
    row = db.execute(query).one()
    return AlertCounts(row.pending, row.given_up)


def _note(db: Connection, where: ColumnElement[bool], **values: Any) -> None:
    db.execute(update(AlertRow).where(where).values(**values))


def _alert(row: Any) -> Alert:
    return Alert(**{name: getattr(row, name) for name in Alert.__dataclass_fields__})
