"""send_pending: what is in the outbox goes out. At least once: a receiver tells repetitions by
their id."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta

from davylamp.audit.alerts.post import Reply, post
from davylamp.audit.alerts.signature import sign
from davylamp.ledger.alerts import (
    Alert,
    AlertCounts,
    claim_alert,
    count_alerts,
    note_delivered,
    note_failed,
)
from davylamp.ledger.releases import database_now
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings

MOST_ATTEMPTS = 12
_FIRST_SECONDS = 10.0
_GROWTH = 3.0
_LONGEST_SECONDS = 6 * 3600.0
"""10 s, 30 s, 90 s … 6 h: given up after some 27 hours."""
_HOLD = timedelta(seconds=60)
"""How long a claim keeps others away; longer than a post takes."""
_ROUND_SECONDS = 30.0
"""After which no further notice is begun: whoever sends has other things to do."""


@dataclass(frozen=True)
class Sent:
    """What one round has done, and what is left in the outbox."""

    delivered: int = 0
    failed: int = 0
    """To be tried again."""
    given_up: int = 0
    left: AlertCounts = field(default_factory=AlertCounts)


def send_pending(ledger: Ledger, settings: Settings) -> Sent:
    """Send what is due. A receiver that isn't there is asked once a round; what failed is tried
    again later, ever more rarely, and given up at last with its error in the row.

    Raises `Unreachable` for the ledger alone. Without an address nothing is sent.
    """
    done: list[str] = []
    if settings.alert_url:
        done = _round(ledger, settings)
    with ledger.begin() as db:
        left = count_alerts(db)
    return Sent(done.count("delivered"), done.count("failed"), done.count("given_up"), left)


def delay_seconds(attempts: int, dice: random.Random) -> float:
    """How long to wait after so many attempts: exponential, from a half to one and a half, so that
    senders who failed together don't come back together."""
    wait = min(_FIRST_SECONDS * _GROWTH ** min(attempts - 1, 20), _LONGEST_SECONDS)
    return wait * dice.uniform(0.5, 1.5)


def _round(ledger: Ledger, settings: Settings) -> list[str]:
    done: list[str] = []
    with ledger.begin() as db:
        began = database_now(db)
    deadline = time.monotonic() + _ROUND_SECONDS
    while time.monotonic() < deadline:
        with ledger.begin() as db:
            alert = claim_alert(db, began, _HOLD)
        if alert is None:
            break
        reply = _send(settings, alert)
        done.append(_note(ledger, alert, reply))
        if not reply.is_reached:
            break  # nor will it be for the next one
    return done


def _send(settings: Settings, alert: Alert) -> Reply:
    if alert.attempts > MOST_ATTEMPTS:
        return Reply(f"{alert.last_error or 'its senders died'}; no attempt is left")
    body = json.dumps(
        {"type": alert.kind, "timestamp": alert.at.isoformat(), "data": dict(alert.document)}
    ).encode()
    signed = sign(
        settings.alert_secret.get_secret_value(), message_id(alert), int(time.time()), body
    )
    return post(settings.alert_url, {"content-type": "application/json", **signed}, body)


def message_id(alert: Alert) -> str:
    """The same at each attempt, and no other ledger's."""
    return f"audit-{alert.id}-{alert.at.timestamp() * 1e6:.0f}"


def _note(ledger: Ledger, alert: Alert, reply: Reply) -> str:
    with ledger.begin() as db:
        if not reply.error:
            note_delivered(db, alert.id)
            return "delivered"
        is_last = reply.is_final or alert.attempts >= MOST_ATTEMPTS
        note_failed(db, alert.id, reply.error, None if is_last else _wait(alert, reply))
        return "given_up" if is_last else "failed"


def _wait(alert: Alert, reply: Reply) -> timedelta:
    asked = min(reply.wait_seconds, _LONGEST_SECONDS)
    return timedelta(seconds=max(delay_seconds(alert.attempts, random.Random()), asked))
