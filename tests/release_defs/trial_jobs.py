"""Jobs that the launcher's tests run in real workers."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dagster as dg

NOTES = "DAVYLAMP_TEST_NOTES"
"""Variable: the folder in which an op leaves word for the test."""


def leave_note(name: str, text: str = "") -> None:
    (Path(os.environ[NOTES]) / name).write_text(text)


@dg.op
def do_little() -> int:
    return 1


@dg.op
def wait_long() -> None:
    leave_note("waiting", str(os.getpid()))
    try:
        time.sleep(60)
    except BaseException as error:
        leave_note("interrupted", type(error).__name__)
        raise


@dg.op
def refuse_to_end() -> None:
    leave_note("waiting")
    try:
        time.sleep(60)
    except BaseException as error:
        leave_note("interrupted", type(error).__name__)
        time.sleep(20)
        raise


@dg.op
def die() -> None:
    os._exit(7)


@dg.job(executor_def=dg.in_process_executor, resource_defs={"io_manager": dg.mem_io_manager})
def short_job() -> None:
    do_little()


@dg.job(executor_def=dg.in_process_executor)
def long_job() -> None:
    wait_long()


@dg.job(executor_def=dg.in_process_executor)
def dying_job() -> None:
    die()


@dg.job(executor_def=dg.in_process_executor)
def stubborn_job() -> None:
    refuse_to_end()
