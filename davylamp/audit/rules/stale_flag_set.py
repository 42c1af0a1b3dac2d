"""stale_flag_set: an instance evaluates older flags than were published longer ago than the limit.

Of instances that are seen: what one that can't be reached evaluates isn't known, and that is a
finding already. One that reads flags and doesn't say which revision has not been seen with the
published one either. Revisions that are no numbers have no order: any other one is older.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from davylamp.audit.findings import Finding, Severity, moment
from davylamp.audit.fleet import Fleet
from davylamp.audit.frames import unseen_for
from davylamp.audit.report import reports
from davylamp.audit.rule import Rule

CODE = "stale_flag_set"


def find(fleet: Fleet) -> Iterator[Finding]:
    published, limit = fleet.flags.revision, fleet.limits.flags_lag_seconds
    rows = fleet.instances
    if published is None or rows.empty:
        return
    if _published_for(fleet) <= limit:
        return
    is_silent = rows["flags_revision"].isna()
    reads = rows["digest"].isin(set(fleet.reads["digest"]))
    has_had_time = ~(fleet.now - rows["started"] <= limit)
    is_behind = _is_older(rows["flags_revision"], published)
    is_it = np.where(is_silent, reads & has_had_time, is_behind) & rows["is_seen"]
    for row in reports(rows[is_it & rows["in_catalog"]]):
        said = "doesn't say which" if pd.isna(row.flags_revision) else f"{row.flags_revision}"
        yield Finding(
            CODE,
            Severity.WARNING,
            row.service,
            row.id,
            f"{row.id} evaluates flags revision {said}; published is {published}",
            f"look why {row.id} doesn't get its flags; restart it if that doesn't help",
            moment(fleet.flags.published_at),
        )


def _published_for(fleet: Fleet) -> float:
    """Seconds; infinite when nobody knows."""
    at = pd.Series([np.nan if (t := fleet.flags.published_at) is None else t])
    return float(unseen_for(at, pd.Series([fleet.limits.unseen_critical_seconds]), fleet.now)[0])


def _is_older(found: pd.Series[Any], published: int | str) -> pd.Series[bool]:
    number = pd.to_numeric(found, errors="coerce")
    latest = pd.to_numeric(pd.Series([published], dtype=object), errors="coerce")[0]
    is_other = found.astype(str).ne(str(published))
    if pd.isna(latest):
        return is_other
    return number.lt(latest) | (number.isna() & is_other)


RULE = Rule(CODE, find)
