"""overdue_contract: a migrate phase ended long ago, and the old shape is still there.

One finding for each service that uses the database; for the fleet where none does.
"""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.inventory import Database
from davylamp.audit.rule import Rule

CODE = "overdue_contract"
_DAY = 86_400.0


def find(fleet: Fleet) -> Iterator[Finding]:
    limit = fleet.limits.contract_overdue_seconds
    overdue = {
        name: one
        for name, one in fleet.databases.items()
        if one.migrated_at is not None and fleet.now - one.migrated_at > limit
    }
    uses = fleet.uses[fleet.uses["database"].isin(set(overdue))]
    for service, names in uses.groupby("service")["database"]:
        found = [overdue[name] for name in sorted(names)]
        yield _finding(fleet, str(service), found)
    for name in sorted(set(overdue) - set(uses["database"])):
        yield _finding(fleet, None, [overdue[name]])


def _finding(fleet: Fleet, service: str | None, found: list[Database]) -> Finding:
    said = [f"{one.name} {_days(fleet.now, one)} days ago" for one in found]
    names = ", ".join(one.name for one in found)
    return Finding(
        CODE,
        Severity.WARNING,
        service,
        None,
        f"rows are migrated, and the old shape is still there: {', '.join(said)}",
        f"write the contract revision for {names}; `davylamp schema status` says what is pending "
        "and who still needs the old shape",
        moment(min(one.migrated_at or fleet.now for one in found)),
        subject="" if service else names,
    )


def _days(now: float, one: Database) -> str:
    return f"{(now - (one.migrated_at or now)) / _DAY:.1f}"


RULE = Rule(CODE, find)
