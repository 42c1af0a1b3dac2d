"""Records read back into a frame, for the report."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from davylamp.cli.demo.record import COLUMNS, Record
from davylamp.errors import BadInput


def read_records(file: Path) -> pd.DataFrame:
    """All records so far, one row a request, columns as in `Record`. A last line that is
    still being written is left out."""
    try:
        text = file.read_text()
    except OSError as error:
        raise BadInput(f"{file}: the load's records cannot be read: {error}") from error
    whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
    rows = list(csv.DictReader(whole))
    return records_frame(
        Record(
            at=float(row["at"]),
            service=row["service"],
            method=row["method"],
            user=row["user"],
            status=int(row["status"]),
            latency_ms=float(row["latency_ms"]),
            version=row["version"],
            is_planted=row["is_planted"] == "True",
            error=row["error"],
        )
        for row in rows
    )


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Records as a frame, one row a request, oldest first."""
    rows = [vars(record) for record in records]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values("at", ignore_index=True)
