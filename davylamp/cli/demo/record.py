"""Record: what a user saw of one request. Written by the load."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TextIO


@dataclass(frozen=True)
class Record:
    """One request, as its user saw it."""

    at: float
    """Unix time in seconds at which it was sent."""
    service: str
    method: str
    user: str
    status: int
    """HTTP status; 0 when no answer came."""
    latency_ms: float
    version: str = ""
    """What the build that answered calls itself; empty when no build answered."""
    is_planted: bool = False
    """The build says it was made to answer like this."""
    error: str = ""
    """Why no answer came: the name of the transport's error."""


COLUMNS = tuple(f.name for f in fields(Record))


def start_records(file: TextIO) -> None:
    csv.writer(file).writerow(COLUMNS)


def write_records(file: TextIO, records: Iterable[Record]) -> None:
    """Append records and hand them to the system, so that a reader sees whole lines."""
    lines = ([getattr(record, name) for name in COLUMNS] for record in records)
    csv.writer(file).writerows(lines)
    file.flush()
