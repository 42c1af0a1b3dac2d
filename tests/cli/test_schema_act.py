"""The schema act's report says what was tried, what users met meanwhile, and what went wrong."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from davylamp.cli.demo.command import demo
from davylamp.cli.demo.frame import records_frame
from davylamp.cli.demo.progress import Progress as Lines
from davylamp.cli.demo.record import Record
from davylamp.cli.demo.schema_act.evidence import (
    Backfilled,
    Contracted,
    ContractRefused,
    Evidence,
    RollbackRefused,
)
from davylamp.cli.demo.schema_act.report import (
    STEPS,
    SchemaReport,
    make_schema_report,
    schema_document,
    went_wrong,
)
from davylamp.cli.demo.schema_act.show import sentences, show_schema
from davylamp.cli.demo.schema_act.step import ActStep, Ending, expected, take_step
from davylamp.cli.demo.schema_act.telling import Telling
from davylamp.errors import BadInput
from davylamp.schema.apply_limits import Step
from davylamp.schema.backfill.model import BackfillState, Progress

START = 1_800_000_000.0


def ask(second: float, status: int = 200, version: str = "1.0.0", error: str = "") -> Record:
    return Record(START + second, "orders", "GET", "user-1", status, 10.0, version, error=error)


def step(number: int, problem: str = "") -> ActStep:
    """Ten seconds each, one after the other."""
    began = START + 10 * number
    return ActStep(f"step {number}", "promoted", "because", began, began + 10, problem)


def told(records: list[Record], steps: int = STEPS, evidence: Evidence | None = None):
    return make_schema_report(
        records_frame(records), [step(n) for n in range(steps)], evidence or Evidence()
    )


def whole() -> SchemaReport:
    evidence = Evidence(
        Backfilled(500_000, 25.0, 0),
        ContractRefused("orders-old", "orders-old runs 1.0.0", ("orders-old runs 1.0.0",)),
        Contracted("0004", "nobody needs it", ("orders 1.0.0",), 5.0, ("id", "status")),
        [
            RollbackRefused("1.1.0", 7, ("id 3: refunded",), ("domains",), "7 rows"),
            RollbackRefused("1.0.0", 0, (), ("no_return",), "for good"),
        ],
    )
    return told([ask(1), ask(15)], evidence=evidence)


def progress(state: BackfillState, rows: int) -> Progress:
    return Progress("public.orders.status", state, rows, rows, 1_000, 1, 100, 9.0, 500.0)


def test_an_act_that_does_not_exist_is_bad_input_and_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--act ballet: there are releases, schema"):
        demo(act="ballet", home=tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_each_step_counts_what_users_met_while_it_was_taken() -> None:
    report = told([ask(1), ask(12), ask(13, status=503, version=""), ask(999)])
    assert [one.requests for one in report.steps[:3]] == [1, 2, 0]
    assert [one.failed_requests for one in report.steps[:3]] == [0, 1, 0]
    assert [one.p99_ms for one in report.steps[:3]] == [10.0, 10.0, None]
    assert (report.requests, report.failed_requests) == (4, 1)


def test_any_failed_request_is_wrong_whoever_failed_it() -> None:
    report = told([ask(1, status=500), ask(2, status=0, version="", error="TimeoutError")])
    assert went_wrong(report) == [
        "2 requests of users failed: 1 × orders GET 500, 1 × orders GET TimeoutError"
    ]


def test_an_order_that_does_not_exist_is_an_answer() -> None:
    assert went_wrong(told([ask(1, status=404)])) == []


def test_a_story_that_broke_off_and_users_nobody_heard_are_wrong() -> None:
    report = replace(told([], steps=4), turned_away=2)
    assert went_wrong(report) == [
        f"it ended after 4 of {STEPS} steps",
        "2 users were sent away by the load before they asked",
    ]


def test_a_step_that_ended_otherwise_is_named_with_its_reason() -> None:
    steps = [step(0, problem="it was held, and should have been promoted: nobody came")]
    report = make_schema_report(records_frame([]), steps, Evidence())
    assert went_wrong(report)[0].startswith("step 0: it was held, and should have been promoted")


def test_an_ending_is_held_against_what_was_expected_of_it() -> None:
    assert expected("refused", "refused", "one copy lives").problem == ""
    assert expected("refused", "refused", "why", "for another reason").problem != ""
    assert "should have been refused" in expected("refused", "contracted", "nobody").problem


def test_a_step_takes_the_time_it_takes() -> None:
    taken = take_step("wait", lambda: Ending("done", "because"))
    assert taken.outcome == "done"
    assert taken.began <= taken.ended


def test_the_document_has_what_was_measured_and_is_json() -> None:
    found = json.loads(json.dumps(schema_document(whole())))
    assert found["act"] == "schema"
    assert (found["rows_backfilled"], found["rows_per_second"]) == (500_000, 20_000)
    assert found["contract_refused"]["instance"] == "orders-old"
    assert found["contract"]["builds_ended"] == ["orders 1.0.0"]
    assert found["rollback_refused"]["rows"] == 7
    assert found["rollback_refused"]["samples"] == ["id 3: refunded"]
    assert [one["to"] for one in found["other_rollbacks_refused"]] == ["1.0.0"]
    assert found["wrong"] == []


def test_what_it_never_came_to_is_null() -> None:
    found = schema_document(told([], steps=2))
    assert found["contract_refused"] is found["contract"] is found["rollback_refused"] is None
    assert found["rows_backfilled"] == 0


def test_the_screen_says_it_in_sentences() -> None:
    out = io.StringIO()
    show_schema(whole(), Console(file=out, width=120))
    said = out.getvalue()
    assert "step 8" in said
    assert "500,000 rows were backfilled in 25 s beside users' own writes, 20,000 a second" in said
    assert "The first try to drop state was refused: orders-old runs 1.0.0." in said
    assert "Going back to 1.1.0 was refused: 7 rows." in said
    assert "Of 2 requests of users, not one failed." in said
    assert list(sentences(told([ask(1, status=500)])))[-1].startswith("Not as it should be: ")


def test_a_backfill_is_told_now_and_then_and_remembered() -> None:
    out = io.StringIO()
    telling = Telling(Lines(Console(file=out, width=120)))
    heard = telling.listener()
    assert telling.seconds == 0.0
    heard.on_step(Step("0003", "started"))
    for rows in range(0, 1_000, 100):
        heard.on_progress(progress(BackfillState.RUNNING, rows))
    heard.on_progress(progress(BackfillState.DONE, 1_000))
    heard.on_step(Step("0003", "applied"))
    said = out.getvalue()
    assert telling.rows == 1_000
    assert telling.seconds > 0
    assert said.count("running") == 1
    assert "public.orders.status done" in said
    assert "0003 applied" in said
    assert "started" not in said
