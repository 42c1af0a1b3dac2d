"""`davylamp audit alerts`: notices that have not arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.cli.output import emit

if TYPE_CHECKING:
    from davylamp.ledger.alerts import Alert


def alerts(
    send: Annotated[bool, typer.Option("--send", help="Send what is due, now.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Make all that were given up due again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List notices that are pending, or were given up after many tries. Exit 1 for those given up.

    docs/audit.md says how a receiver tells that a notice is ours.
    """
    from davylamp.audit.alerts.send import send_pending
    from davylamp.ledger.alerts import count_alerts, try_again, undelivered
    from davylamp.ledger.session import Ledger
    from davylamp.settings import load_settings

    settings = load_settings()
    ledger = Ledger.connect(settings.require("ledger_url"))
    try:
        if again:
            with ledger.begin() as db:
                try_again(db)
        sent = send_pending(ledger, settings) if send else None
        with ledger.begin() as db:
            found, count = undelivered(db), count_alerts(db)
    finally:
        ledger.close()
    document: dict[str, Any] = {
        "url_is_set": bool(settings.alert_url),
        "pending": count.pending,
        "given_up": count.given_up,
        "alerts": [_document(one) for one in found],
    }
    if sent is not None:
        names = ("delivered", "failed", "given_up")
        document["sent"] = {name: getattr(sent, name) for name in names}
    emit(document, as_json, lambda console: _show(console, found, document))
    if count.given_up:
        raise typer.Exit(1)


def _document(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "at": alert.at.isoformat(),
        "kind": alert.kind,
        "counts": alert.document.get("counts", {}),
        "state": "given up" if alert.given_up_at else "pending",
        "attempts": alert.attempts,
        "next_attempt_at": None if alert.given_up_at else alert.next_attempt_at.isoformat(),
        "last_error": alert.last_error,
    }


def _show(console: Console, found: list[Alert], document: dict[str, Any]) -> None:
    if found:
        console.print(_table(found))
    if "sent" in document:
        console.print(", ".join(f"{n:,} {name}" for name, n in document["sent"].items()))
    nowhere = "" if document["url_is_set"] else "; DAVYLAMP_ALERT_URL is not set: nothing is sent"
    console.print(f"{document['pending']:,} pending, {document['given_up']:,} given up{nowhere}")


def _table(found: list[Alert]) -> Table:
    table = Table("id", "at", "tells of", "state", "tries", "what went wrong", box=box.SIMPLE_HEAD)
    for one in found:
        shown = _document(one)
        tells = ", ".join(f"{n:,} {name}" for name, n in shown["counts"].items() if n)
        row = (f"{one.at:%Y-%m-%d %H:%M:%S}", tells, shown["state"], str(one.attempts))
        table.add_row(str(one.id), *row, Text(one.last_error))
    return table
