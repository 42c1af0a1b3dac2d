"""enqueue: one notice an audit, of what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from davylamp.audit.findings import Severity
from davylamp.ledger.alerts import write_alert
from davylamp.ledger.audits import Changes, Held
from davylamp.ledger.releases import database_now
from davylamp.settings import Settings

KIND = "audit.changed"
_MOST = 100
"""Findings of each list: an outage of the whole fleet is one notice that can be read."""


def enqueue(db: Connection, changes: Changes, settings: Settings) -> None:
    """Write one notice of what an audit opened, found worse or better, and closed, as far as it is
    as severe as the settings say. Nothing without an address to send it to."""
    if not settings.alert_url:
        return
    least = Severity(settings.alert_severity)
    lists = {
        "opened": _severe(changes.opened, least),
        "worse": _severe(changes.worse, least),
        "better": _severe(changes.better, least),
        "closed": _severe(changes.closed, least),
    }
    if any(lists.values()):
        write_alert(db, KIND, _document(db, changes.audit, lists))


def _severe(found: Sequence[Held], least: Severity) -> list[Held]:
    """The worst first."""
    severe = [one for one in found if Severity(one.severity).rank <= least.rank]
    return sorted(severe, key=lambda one: (Severity(one.severity).rank, one.key))


def _document(db: Connection, audit: int, lists: dict[str, list[Held]]) -> dict[str, Any]:
    return {
        "audit": audit,
        "at": database_now(db).isoformat(),
        "counts": {name: len(found) for name, found in lists.items()},
        **{name: [dict(one.document) for one in found[:_MOST]] for name, found in lists.items()},
    }
