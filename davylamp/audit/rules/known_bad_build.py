"""known_bad_build: a build that was once taken back is alive, whatever part it plays.

While a roll-back is under way its candidate is one for some seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.report import reports
from davylamp.audit.rule import Rule

CODE = "known_bad_build"


def find(fleet: Fleet) -> Iterator[Finding]:
    rows = fleet.instances
    is_it = rows["in_catalog"] & rows["known_bad"] & ~rows["is_disputed"]
    for row in reports(rows[is_it]):
        is_stable = row.digest == row.stable
        where = ", its stable build" if is_stable else ""
        yield Finding(
            CODE,
            Severity.CRITICAL,
            row.service,
            row.id,
            f"{row.id} runs {fleet.name_of(row.digest)}{where}, which was once rolled back",
            f"roll {row.service} back to a build that is not known bad, or `davylamp forgive` it"
            if is_stable
            else f"drain {row.id}; if the build is wanted after all, `davylamp forgive` it",
            moment(row.started),
        )


RULE = Rule(CODE, find)
