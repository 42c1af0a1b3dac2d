"""flag_reused: an active flag bears the name of one that was retired.

An old build that still runs somewhere takes the new flag for the old one. One finding a flag.
"""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.rule import Rule
from davylamp.audit.words import some

CODE = "flag_reused"


def find(fleet: Fleet) -> Iterator[Finding]:
    for flag in sorted(set(fleet.flags.active) & set(fleet.flags.retired)):
        readers = set(fleet.reads["digest"][fleet.reads["flag"].eq(flag)])
        live = fleet.live[fleet.live["digest"].isin(readers)]
        builds = sorted(
            f"{service} {fleet.name_of(digest)}"
            for service, digest in zip(live["service"], live["digest"], strict=True)
        )
        yield Finding(
            CODE,
            Severity.CRITICAL,
            None,
            None,
            f"{flag} is retired, and an active flag has its name; live builds that read it: "
            f"{some(builds) or 'none'}",
            f"turn {flag} off, and give the new flag a name that nothing ever had",
            subject=flag,
        )


RULE = Rule(CODE, find)
