"""unknown_build: a digest the ledger has no build of. Somebody deployed by hand.

What is no digest at all, and what the platform couldn't read, is in no ledger either.
"""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.report import reports
from davylamp.audit.rule import Rule
from davylamp.builds.digest import is_digest

CODE = "unknown_build"


def find(fleet: Fleet) -> Iterator[Finding]:
    rows = fleet.instances
    is_it = rows["in_catalog"] & ~rows["is_known"] & ~rows["is_disputed"]
    for row in reports(rows[is_it]):
        yield Finding(
            CODE,
            Severity.CRITICAL,
            row.service,
            row.id,
            _detail(fleet, row.id, row.digest),
            f"end {row.id}; a build that is wanted goes through `davylamp release {row.service}`",
            moment(row.started),
        )


def _detail(fleet: Fleet, instance: str, digest: str) -> str:
    if not digest:
        return f"nobody can say which build {instance} runs"
    if not is_digest(digest):
        return f"{instance} is said to run {digest[:80]!r}, which is no digest"
    return f"{instance} runs {digest[:19]}, which no release brought: the ledger has no such build"


RULE = Rule(CODE, find)
