"""retired_flag_read: a build that runs, or may still, reads a flag that is retired.

One finding a service, which names the builds, the flags and the instances.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.rule import Rule
from davylamp.audit.words import some

CODE = "retired_flag_read"


def find(fleet: Fleet) -> Iterator[Finding]:
    reads = fleet.reads[fleet.reads["flag"].isin(set(fleet.flags.retired))]
    live = fleet.live.merge(reads, on="digest")
    rows = fleet.instances[fleet.instances["digest"].isin(set(live["digest"]))]
    of = dict(iter(rows.groupby("service")))
    for service, found in live.groupby("service"):
        flags = ", ".join(sorted(set(found["flag"])))
        yield Finding(
            CODE,
            Severity.CRITICAL,
            str(service),
            None,
            "; ".join(_words(fleet, found, of[service])),
            f"release a build of {service} that doesn't read {flags}, and end the instances that "
            "do; until then no flag may be given that name",
        )


def _words(fleet: Fleet, found: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    for digest, flags in found.groupby("digest")["flag"]:
        where = some(sorted(set(rows["id"][rows["digest"].eq(digest)])))
        names = ", ".join(sorted(flags))
        yield f"{fleet.name_of(str(digest))} on {where} reads the retired {names}"


RULE = Rule(CODE, find)
