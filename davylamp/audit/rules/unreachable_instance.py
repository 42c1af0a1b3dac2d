"""unreachable_instance: not seen for longer than the service's limit. Never the same as fine."""

from __future__ import annotations

import math
from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.report import reports
from davylamp.audit.rule import Rule

CODE = "unreachable_instance"


def find(fleet: Fleet) -> Iterator[Finding]:
    rows = fleet.instances
    for row in reports(rows[~rows["is_seen"]]):
        is_long = row.age > row.unseen_critical_seconds
        yield Finding(
            CODE,
            Severity.CRITICAL if is_long else Severity.WARNING,
            row.service,
            row.id,
            f"{row.id} {_since(fleet.now, row.age, row.last_seen)}; it was running "
            f"{fleet.name_of(row.digest)}",
            f"look whether {row.id} is still there and can be reached; if it is gone, let its "
            "platform replace it, and if it can't be told, cut it off",
            moment(row.last_seen),
        )


def _since(now: float, age: float, last_seen: float) -> str:
    if math.isfinite(age):
        return f"was last seen {age:,.0f} s ago"
    if math.isnan(last_seen):
        return "was never seen"
    return f"was last seen {last_seen - now:,.0f} s in the future: its clock proves nothing"


RULE = Rule(CODE, find)
