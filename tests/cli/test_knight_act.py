"""The knight act's report says who was left behind, who named it, and what went wrong."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from davylamp.cli.demo.frame import records_frame
from davylamp.cli.demo.knight_act.builds import EIGHTH, FLAG
from davylamp.cli.demo.knight_act.report import (
    KnightReport,
    knight_document,
    make_knight_report,
    went_wrong,
)
from davylamp.cli.demo.knight_act.show import show_knight
from davylamp.cli.demo.record import Record
from davylamp.ledger.audits import Held, Look
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release

STABLE_AT = 1_800_000_000.0


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(STABLE_AT + seconds, UTC)


def ask(second: float, version: str, status: int = 200) -> Record:
    return Record(STABLE_AT + second, "trading", "GET", "user-1", status, 4.0, version)


def held(code: str, instance: str, detail: str, first: float = 20) -> Held:
    document = {"code": code, "detail": detail, "next": "drain it"}
    return Held(code, "trading", instance, "", "critical", document, moment(first))


STALE = held("stale_instance", EIGHTH, f"{EIGHTH} runs 1.0.0, which reads the retired flag {FLAG}")
REUSED = held("flag_reused", "", f"{FLAG} is active, and retired")


def look(second: float) -> Look:
    return Look(moment(second), 0.2, 1, 8, {}, {})


def told(records: list[Record], findings: tuple[Held, ...] = (STALE, REUSED)) -> KnightReport:
    release = Release(
        id=2,
        service="trading",
        image="2.0.0",
        state=ReleaseState.UNCONFIRMED,
        reason=f"promoted, but still running another build: {EIGHTH}",
        plan={},
        entry={},
        step=2,
        seed=1,
        requested_by="tests",
        run_id="",
        created_at=moment(-60),
        ended_at=moment(5),
    )
    return make_knight_report(
        records_frame(records), release, STABLE_AT, [look(19)], findings, f"{EIGHTH} is gone", 0
    )


def test_an_act_that_went_well_has_nothing_to_complain_of() -> None:
    report = told([ask(-5, "1.0.0"), ask(1, "1.0.0"), ask(9, "2.0.0")])
    assert went_wrong(report) == []
    document = json.loads(json.dumps(knight_document(report)))
    assert (document["audits_until_named"], document["seconds_to_naming"]) == (1, 20.0)
    out = io.StringIO()
    show_knight(report, Console(file=out, width=160))
    assert EIGHTH in out.getvalue()


def test_users_who_met_the_old_build_after_the_switch_are_counted() -> None:
    report = told([ask(9, "1.0.0"), ask(10, "2.0.0")])
    assert report.by_old_build == 1
    assert "1 users met trading 1.0.0" in went_wrong(report)[0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"outcome": "promoted"}, "should have been unconfirmed"),
        ({"reason": "promoted"}, f"does not name {EIGHTH}"),
        ({"held": (REUSED,)}, f"no audit named {EIGHTH}"),
        ({"held": (STALE,)}, "was reused"),
        ({"audits": 2}, "2 audits"),
        ({"repaired": "nothing was done"}, "did not end"),
        ({"switching_failures": 3}, "3 requests failed"),
    ],
)
def test_whatever_did_not_go_as_it_must_is_said(change: dict[str, object], word: str) -> None:
    report = replace(told([ask(9, "2.0.0")]), **change)
    assert any(word in one for one in went_wrong(report))
