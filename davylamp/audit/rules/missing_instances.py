"""missing_instances: fewer than wanted.

Counted are distinct ids, whatever they run and whether or not they are reached just now: each of
those is a finding of its own. While a release is under way its candidates and baselines stand
beside the wanted ones, and don't count; without one they do.
"""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.rule import Rule

CODE = "missing_instances"


def find(fleet: Fleet) -> Iterator[Finding]:
    rows, services = fleet.instances, fleet.services
    is_beside = rows["is_releasing"] & rows["role"].isin(["candidate", "baseline"])
    here = rows[~is_beside].drop_duplicates(["service", "id"]).groupby("service").size()
    there = here.reindex(services.index, fill_value=0)
    is_it = there < services["replicas"]
    for name, count, wanted in zip(
        services.index[is_it], there[is_it], services["replicas"][is_it], strict=True
    ):
        yield Finding(
            CODE,
            Severity.WARNING,
            name,
            None,
            f"{name} wants {wanted} instances, and "
            + (f"{count} are there" if count else "none of them is there"),
            f"look at what keeps the platform from starting {wanted - count} more of {name}",
        )


RULE = Rule(CODE, find)
