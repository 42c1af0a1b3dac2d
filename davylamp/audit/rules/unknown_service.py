"""unknown_service: an instance of a service that the catalog doesn't have.

Nothing says what it should run, so nothing else is asked of it but whether it is seen.
Also the file to copy for a new rule: a mask over the frames, and a Finding for each row of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.report import reports
from davylamp.audit.rule import Rule

CODE = "unknown_service"


def find(fleet: Fleet) -> Iterator[Finding]:
    rows = fleet.instances
    for row in reports(rows[~rows["in_catalog"]]):
        yield Finding(
            CODE,
            Severity.CRITICAL,
            row.service,
            row.id,
            f"the catalog has no service {row.service}, and {row.id} of it runs "
            f"{fleet.name_of(row.digest)}",
            f"end {row.id}; or, if {row.service} is still wanted, put it back into the catalog",
            moment(row.started),
        )


RULE = Rule(CODE, find)
