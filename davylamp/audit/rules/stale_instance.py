"""stale_instance: the eighth server. It runs a build that is neither stable nor being released.

It goes by the digest alone: a copy that is labelled candidate, and runs neither the candidate nor
the baseline of the release under way, is stale. It is what is left when nothing better explains
the instance: an unknown build, one known bad, a leftover of a release and an unknown service are
findings of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.report import reports
from davylamp.audit.rule import Rule
from davylamp.audit.rules.leftover_release import is_leftover

CODE = "stale_instance"


def find(fleet: Fleet) -> Iterator[Finding]:
    rows = fleet.instances
    is_wanted = rows["digest"].eq(rows["stable"]) | (
        rows["is_releasing"]
        & (rows["digest"].eq(rows["candidate"]) | rows["digest"].eq(rows["baseline"]))
    )
    is_explained = rows["known_bad"] | is_leftover(rows) | rows["is_disputed"]
    is_it = rows["in_catalog"] & rows["is_known"] & ~is_wanted & ~is_explained
    retired = _retired_flags(fleet)
    for row in reports(rows[is_it]):
        flags = retired.get(row.digest, "")
        reads = f"; that build reads the retired flag {flags}" if flags else ""
        yield Finding(
            CODE,
            Severity.CRITICAL,
            row.service,
            row.id,
            f"{row.id} runs {fleet.name_of(row.digest)}, while {row.service} is at "
            f"{_stable(fleet, row.stable)}{' and releases another' if row.is_releasing else ''}"
            f"{reads}",
            f"drain {row.id} and let its platform start the stable build; then find out why the "
            "deploy skipped it",
            moment(row.started),
        )


def _stable(fleet: Fleet, digest: str) -> str:
    return fleet.name_of(digest) if digest else "no stable build"


def _retired_flags(fleet: Fleet) -> Mapping[str, str]:
    """Digest → the retired flags it reads, in words."""
    reads = fleet.reads[fleet.reads["flag"].isin(set(fleet.flags.retired))]
    return {
        str(digest): ", ".join(sorted(flags)) for digest, flags in reads.groupby("digest")["flag"]
    }


RULE = Rule(CODE, find)
