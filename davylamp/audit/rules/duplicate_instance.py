"""duplicate_instance: one id is reported twice: a report is wrong, or two copies share an id."""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.rule import Rule

CODE = "duplicate_instance"


def find(fleet: Fleet) -> Iterator[Finding]:
    rows = fleet.instances
    twice = rows[rows["id"].duplicated(keep=False)]
    for instance, found in twice.groupby("id"):
        services = sorted(set(found["service"]))
        builds = sorted({fleet.name_of(digest) for digest in found["digest"]})
        yield Finding(
            CODE,
            Severity.WARNING,
            services[0],
            str(instance),
            f"{instance} is reported {len(found)} times, for {', '.join(services)}, with "
            f"{', '.join(builds)}",
            "find out which of the reports is true: two copies share an id, or its platform "
            "lists one twice",
        )


RULE = Rule(CODE, find)
