"""leftover_release: a candidate or baseline whose release is over, or never was."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.report import reports
from davylamp.audit.rule import Rule

CODE = "leftover_release"


def is_leftover(rows: pd.DataFrame) -> pd.Series[bool]:
    """Whatever it runs: the stable build too, since a baseline gets no users any more."""
    return rows["in_catalog"] & rows["role"].isin(["candidate", "baseline"]) & ~rows["is_releasing"]


def find(fleet: Fleet) -> Iterator[Finding]:
    rows = fleet.instances
    for row in reports(rows[is_leftover(rows)]):
        yield Finding(
            CODE,
            Severity.CRITICAL,
            row.service,
            row.id,
            f"{row.id} is a {row.role} with {fleet.name_of(row.digest)}, and {row.service} has "
            "no active release",
            f"drain {row.id}; `davylamp status {row.service}` has the release it was part of",
            moment(row.started),
        )


RULE = Rule(CODE, find)
