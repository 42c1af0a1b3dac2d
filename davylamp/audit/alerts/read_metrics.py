"""The figures as the ledger has them now."""

from __future__ import annotations

from davylamp.audit.alerts.metrics import Metric, exposition_of, metrics
from davylamp.ledger.alerts import count_alerts
from davylamp.ledger.audits import last_look, open_findings
from davylamp.ledger.releases import database_now
from davylamp.ledger.session import Ledger


def read_metrics(ledger: Ledger) -> list[Metric]:
    """Raises `Unreachable`."""
    with ledger.begin() as db:
        return metrics(last_look(db), open_findings(db), database_now(db), count_alerts(db))


def read_exposition(ledger: Ledger) -> str:
    """The same in Prometheus's text format."""
    return exposition_of(read_metrics(ledger))
