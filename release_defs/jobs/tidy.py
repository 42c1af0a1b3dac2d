"""Retention as a job: the ledger's old rows, and Dagster's old runs."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from release_defs.ops.tidy import tidy_ledger, tidy_runs
from sensors.names import TIDY_JOB

_DESCRIPTION = """
Forget what nobody needs any more, batch by batch. Its schedule runs it every hour; it can be ended
at any time, and the next one goes on. Releases and what was decided stay for ever.
"""


@dg.job(name=TIDY_JOB, description=_DESCRIPTION, executor_def=dg.in_process_executor)
def tidy() -> None:
    tidy_ledger()
    tidy_runs()
