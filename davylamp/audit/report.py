"""Report: one row of the instances frame, for those few rows a rule has something to say about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Report:
    """What was reported of an instance, with what is known of its service and build."""

    id: str
    service: str
    digest: str
    role: str
    stable: str
    """The digest its service should run; ''."""
    is_releasing: bool
    started: float
    """Unix seconds, as `last_seen`; NaN when not known."""
    last_seen: float
    age: float
    """Seconds since it was seen; infinite when it never was."""
    unseen_critical_seconds: float
    flags_revision: Any


_COLUMNS = [f.name for f in fields(Report)]


def reports(rows: pd.DataFrame) -> Iterator[Report]:
    """The rows of a mask, one after the other."""
    for row in rows[_COLUMNS].itertuples(index=False, name=None):
        yield Report(*row)
