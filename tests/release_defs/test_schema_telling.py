"""What is told of a schema change: not too often, nothing twice, and figures at the end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest
from dagster import DagsterExecutionInterruptedError

from davylamp.schema.apply_limits import Step
from davylamp.schema.backfill.model import BackfillState, Progress
from release_defs.ops.gentle_stop import stopping_gently
from release_defs.ops.schema_account import Account, progress_line, step_line
from release_defs.ops.spaced_log import SpacedLog


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def progress(rows: int, rate: float = 100.0, waiting_for: str = "") -> Progress:
    return Progress(
        backfill="public.orders.status",
        state=BackfillState.RUNNING,
        rows_done=rows,
        rows_changed=rows // 2,
        rows_estimated=10_000,
        batches=rows // 100,
        batch_rows=100,
        batch_ms=5.0,
        rows_per_second=rate,
        waiting_for=waiting_for,
    )


def test_lines_that_come_together_are_one_entry() -> None:
    said, clock = [], Clock()
    log = SpacedLog(said.append, 1000.0, clock)
    for n in range(5):
        log.add(f"line {n}")
    assert said == ["line 0"]
    log.flush()
    log.flush()
    assert said == ["line 0", "line 1\nline 2\nline 3\nline 4"]


def test_of_very_many_lines_the_first_and_the_last_are_told() -> None:
    said, clock = [], Clock()
    log = SpacedLog(said.append, 1000.0, clock)
    for n in range(101):
        log.add(f"line {n}")
    log.flush()
    lines = said[1].splitlines()
    assert (lines[0], lines[10], lines[-1]) == ("line 1", "… 80 more …", "line 100")


def test_the_last_line_before_a_long_silence_is_not_held_back() -> None:
    heard = threading.Event()
    log = SpacedLog(lambda text: heard.set() if text == "second" else None, 0.05)
    log.add("first")
    log.add("second")
    assert heard.wait(10)


def test_how_far_it_is_comes_ever_more_rarely_and_only_the_newest() -> None:
    said, clock = [], Clock()
    log = SpacedLog(said.append, 4.0, clock)
    for second in range(3600):
        clock.now = float(second)
        log.how_far(str(second))
    assert said[:4] == ["0", "4", "8", "12"]
    assert 60 < len(said) < 100
    assert len([s for s in said if int(s) >= 3000]) < 6


def test_the_account_counts_what_this_run_did() -> None:
    clock = Clock()
    account = Account(clock)
    for at, step in enumerate(
        [
            Step("r2", "started", 0, 2),
            Step("r2", "retrying", 0, detail="try 1: blocked by 7"),
            Step("r2", "retrying", 0, detail="try 2: blocked by 7"),
            Step("r2", "repaired", 0, detail="an invalid index"),
            Step("r2", "done", 2, detail="CREATE INDEX"),
            Step("r2", "applied", 2),
            Step("r3", "failed", detail="the lock was never free"),
        ]
    ):
        clock.now = float(at)
        account.step(step)
    for second, rows in ((10.0, 4000), (12.0, 4500), (20.0, 6000)):
        clock.now = second
        account.progress(progress(rows))

    found = account.metadata()

    r2, r3 = (record.data for record in found["revisions"].records)
    assert (r2["result"], r2["statements"], r2["retries"], r2["repairs"]) == (
        "applied",
        "2",
        "2",
        "1",
    )
    assert (r2["seconds"], r3["why"]) == ("5.0", "the lock was never free")
    assert (found["rows"], found["rows/s"]) == (2100, 210)
    assert found["backfills"].records[0].data["rows"] == "6,000"
    assert Account().metadata() == {}


def test_lines_say_what_people_ask_for() -> None:
    assert progress_line(progress(4000)) == (
        "public.orders.status: running, 40%, 4,000 of about 10,000 rows, 100 rows/s, 60 s left"
    )
    assert progress_line(progress(0, 0.0, "a replica is 3 s behind")).endswith(
        "0 rows/s; waits: a replica is 3 s behind"
    )
    assert step_line(Step("r2", "started", 1, 3)) == "r2: started, 1 of 3 statements were done"
    assert step_line(Step("r2", "applied")) == "r2: applied"
    assert len(step_line(Step("r2", "done", detail="SELECT " * 100))) < 230


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def work_until_told(check: Callable[[], None], tidied: list[str]) -> None:
    check()
    interrupt()
    tidied.append("the batch went to its end")
    try:
        check()
    finally:
        interrupt()
        check()
        tidied.append("rights were given back")


def test_a_cancel_is_raised_between_two_steps_and_once_only() -> None:
    tidied: list[str] = []
    with pytest.raises(DagsterExecutionInterruptedError), stopping_gently() as check:
        work_until_told(check, tidied)
    assert tidied == ["the batch went to its end", "rights were given back"]


def test_a_cancel_after_the_last_step_still_ends_the_run() -> None:
    with pytest.raises(DagsterExecutionInterruptedError), stopping_gently():
        interrupt()


def test_work_that_never_looks_up_is_interrupted_in_the_middle() -> None:
    def work() -> None:
        interrupt()
        threading.Event().wait(20)

    with pytest.raises(DagsterExecutionInterruptedError), stopping_gently(0.05):
        work()


def test_handlers_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stopping_gently():
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
