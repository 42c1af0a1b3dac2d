"""A verdict as Dagster's table."""

from __future__ import annotations

import dagster as dg

from assets.table import text_table
from davylamp.judge.verdict import Verdict
from davylamp.report.verdict_table import columns_of, rows_of


def table_of(verdict: Verdict) -> dg.TableMetadataValue | None:
    """None for a verdict without metrics."""
    rows = rows_of(verdict)
    if not rows:
        return None
    return text_table(columns_of(verdict), rows)
