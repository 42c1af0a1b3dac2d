"""What is held against the fleet, as figures for Prometheus. Pure.

Nothing is 0 that nobody has looked for: before the first audit there are no counts of findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from davylamp.audit.codes import CODES
from davylamp.audit.findings import Severity
from davylamp.ledger.alerts import AlertCounts
from davylamp.ledger.audits import Held, Look

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """One gauge, with a value for each set of labels."""

    name: str
    help: str
    values: tuple[tuple[Labels, float], ...]


def metrics(
    look: Look | None,
    open_findings: Sequence[Held],
    now: datetime,
    alerts: AlertCounts | None = None,
) -> list[Metric]:
    """All figures: of the last audit, of what is open, and of notices that haven't arrived.

    `now` and the look's moment are by the database's clock."""
    found = [
        Metric(
            "davylamp_audit_last_success_timestamp_seconds",
            "When the fleet was last audited, Unix seconds; 0: never.",
            (({}, look.at.timestamp() if look else 0.0),),
        )
    ]
    if look is not None:
        found += [*_of_look(look), *_of_findings(open_findings, now)]
    if alerts is not None:
        states = {"pending": alerts.pending, "given_up": alerts.given_up}
        found.append(
            Metric(
                "davylamp_alerts_undelivered",
                "Notices that no receiver has taken.",
                tuple(({"state": state}, float(count)) for state, count in states.items()),
            )
        )
    return found


def exposition(
    look: Look | None,
    open_findings: Sequence[Held],
    now: datetime,
    alerts: AlertCounts | None = None,
) -> str:
    """All figures in Prometheus's text format."""
    return exposition_of(metrics(look, open_findings, now, alerts))


def exposition_of(found: Iterable[Metric]) -> str:
    """Prometheus's text format 0.0.4."""
    return "".join(_text(one) for one in found)


def document(found: Iterable[Metric]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "labels": dict(labels), "value": value}
        for one in found
        for labels, value in one.values
    ]


def _of_look(look: Look) -> list[Metric]:
    return [
        Metric(
            "davylamp_audit_duration_seconds",
            "How long the last audit took.",
            (({}, look.seconds),),
        ),
        Metric(
            "davylamp_audit_services",
            "Services the last audit looked at.",
            (({}, float(look.services)),),
        ),
        Metric(
            "davylamp_audit_seen_instances",
            "Instances the last audit saw within their limit.",
            (({}, float(look.seen_instances)),),
        ),
        Metric(
            "davylamp_audit_unseen",
            "1 for each thing that did not answer the last audit.",
            tuple(({"what": what}, 1.0) for what in sorted(look.unseen)),
        ),
    ]


def _of_findings(held: Sequence[Held], now: datetime) -> list[Metric]:
    count = Counter((one.code, one.severity) for one in held)
    none = {(code, severity.value): 0 for code in CODES for severity in Severity}
    counted = tuple(
        ({"code": code, "severity": severity}, float(number))
        for (code, severity), number in sorted((none | count).items())
    )
    ages = tuple(({"severity": one.value}, _oldest(held, one, now)) for one in Severity)
    return [
        Metric("davylamp_audit_findings", "What is held against the fleet.", counted),
        Metric(
            "davylamp_audit_oldest_finding_seconds",
            "Since when the oldest finding is open; 0: there is none.",
            ages,
        ),
    ]


def _oldest(held: Sequence[Held], severity: Severity, now: datetime) -> float:
    began = [one.first_seen_at for one in held if one.severity == severity and one.first_seen_at]
    return max((now - min(began)).total_seconds(), 0.0) if began else 0.0


def _text(metric: Metric) -> str:
    lines = [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} gauge"]
    lines += [f"{metric.name}{_labels(labels)} {value!r}" for labels, value in metric.values]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
