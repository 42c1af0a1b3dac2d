"""The demonstration's report says what users met, and what a full-blast deploy would have cost."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from davylamp.cli.demo.facts import EvidenceRow, ReleaseFacts
from davylamp.cli.demo.frame import read_records, records_frame
from davylamp.cli.demo.record import Record, start_records, write_records
from davylamp.cli.demo.report import make_report
from davylamp.cli.demo.show import closing, document, sentences, show

START = 1_800_000_000.0


def moment(second: float) -> datetime:
    return datetime.fromtimestamp(START + second, UTC)


def ask(second: float, **values: Any) -> Record:
    """A good answer of stable, unless said otherwise."""
    usual: dict[str, Any] = {
        "service": "checkout",
        "method": "GET",
        "user": "user-1",
        "status": 200,
        "latency_ms": 10.0,
        "version": "1.0.0",
    }
    return Record(at=START + second, **usual | values)


def rolled_back(**values: Any) -> ReleaseFacts:
    """Opened at 0, with traffic from 10 to the decision at 20, ended at 25."""
    usual: dict[str, Any] = {
        "service": "checkout",
        "version": "1.1.0",
        "outcome": "rolled_back",
        "reason": "one request in five failed",
        "created_at": moment(0),
        "traffic_at": moment(10),
        "decided_at": moment(20),
        "ended_at": moment(25),
        "candidate_requests": 50,
        "candidate_failed": 10,
        "evidence": (EvidenceRow("error_rate", "High", "1 in 5 fails", 0.2, 0.0),),
    }
    return ReleaseFacts(**usual | values)


def steady(first: float, last: float, **values: Any) -> Iterator[Record]:
    """Ten requests a second."""
    for tenth in range(round(first * 10), round(last * 10)):
        yield ask(tenth / 10, **values)


def planted(second: float, **values: Any) -> Record:
    return ask(second, **{"status": 500, "version": "1.1.0", "is_planted": True} | values)


def test_only_failures_the_candidate_served_to_users_during_the_release_count() -> None:
    records = records_frame(
        [
            planted(-1),
            planted(12, method="POST"),
            planted(13, method="POST"),
            planted(14, service="cart"),
            ask(15, status=500, version="1.0.0", is_planted=True),
            planted(26),
        ]
    )
    assert make_report(records, [rolled_back()]).releases[0].failed_user_requests == 2


def test_a_full_blast_fails_the_candidates_share_of_all_requests_of_the_exposure() -> None:
    records = records_frame([*steady(0, 30), *steady(0, 30, service="cart")])
    one = make_report(records, [rolled_back()]).releases[0]
    assert one.user_requests_exposed == 101
    assert one.full_blast_failed_requests == round(101 * 10 / 50)


def test_the_decision_is_timed_from_first_traffic_or_else_from_the_opening() -> None:
    records = records_frame([])
    refused = rolled_back(traffic_at=None, outcome="refused", candidate_requests=0)
    undecided = rolled_back(decided_at=None)
    facts = [rolled_back(), refused, undecided]
    seconds = [r.seconds_to_decision for r in make_report(records, facts).releases]
    assert seconds == [10, 20, None]


def test_a_release_without_traffic_cost_nothing_and_would_have_cost_nothing() -> None:
    refused = rolled_back(traffic_at=None, candidate_requests=0, candidate_failed=0)
    one = make_report(records_frame(steady(0, 30)), [refused]).releases[0]
    assert (one.user_requests_exposed, one.failed_user_requests) == (0, 0)
    assert (one.full_blast_failed_requests, one.full_blast_slow_requests) == (0, 0)


def test_slow_answers_are_those_above_twice_the_p99_of_stable_at_the_same_time() -> None:
    candidate = [ask(10 + n / 10, version="1.1.0", latency_ms=19 + n % 4) for n in range(40)]
    one = make_report(records_frame([*steady(0, 30), *candidate]), [rolled_back()]).releases[0]
    assert one.stable_p99_ms == pytest.approx(10)
    assert one.slow_user_requests == 20
    assert one.full_blast_slow_requests == round(one.user_requests_exposed / 2)


def test_the_releases_of_other_versions_do_not_share_their_failures() -> None:
    records = records_frame([planted(12), planted(112, version="1.2.0")])
    second = rolled_back(
        version="1.2.0",
        created_at=moment(100),
        traffic_at=moment(110),
        decided_at=moment(120),
        ended_at=moment(125),
    )
    failed = [
        r.failed_user_requests for r in make_report(records, [rolled_back(), second]).releases
    ]
    assert failed == [1, 1]


@pytest.mark.parametrize(
    "nobodys",
    [
        {"status": 0, "version": "", "error": "ServerDisconnectedError"},
        {"status": 0, "version": "", "error": "TimeoutError"},
        {"status": 503, "version": ""},
        {"status": 404, "version": ""},
        {"status": 502},
    ],
)
def test_failures_nobody_planted_are_blamed_on_the_switching(nobodys: dict[str, Any]) -> None:
    records = records_frame([ask(1), planted(2), ask(3, **nobodys)])
    report = make_report(records, [])
    assert (report.requests, report.switching_failures) == (3, 1)
    what = nobodys.get("error") or nobodys["status"]
    assert report.switching_failures_by_kind == {f"checkout GET {what}": 1}


def test_a_builds_own_4xx_and_planted_failures_are_not_blamed_on_the_switching() -> None:
    records = records_frame([ask(1, status=404), ask(2, status=409), planted(3)])
    assert make_report(records, []).switching_failures == 0


def test_an_empty_load_makes_an_empty_report() -> None:
    report = make_report(records_frame([]), [])
    assert document(report)["requests"] == 0
    assert document(report)["releases"] == []


def test_the_document_has_the_promised_keys_and_is_json() -> None:
    report = make_report(records_frame(steady(0, 30)), [rolled_back()])
    found = json.loads(json.dumps(document(report)))
    assert found.keys() >= {"releases", "requests", "switching_failures"}
    assert found["releases"][0].keys() >= {
        "service",
        "version",
        "outcome",
        "reason",
        "seconds_to_decision",
        "candidate_requests",
        "failed_user_requests",
        "full_blast_failed_requests",
        "slow_user_requests",
        "full_blast_slow_requests",
    }


def test_the_report_tells_people_what_happened_in_plain_sentences() -> None:
    records = records_frame([*steady(0, 30), planted(12)])
    report = make_report(records, [rolled_back()])
    said = " ".join(sentences(report.releases[0]))
    assert "checkout 1.1.0 was rolled back 10.0 s after users first met it" in said
    assert "one request in five failed" in said
    assert "users saw 1 failure" in said
    assert "not one failed because of the switching" in closing(report)
    screen = io.StringIO()
    show(report, Console(file=screen, width=160))
    assert "error_rate" in screen.getvalue()


def test_records_come_back_as_they_were_written_but_for_a_line_half_written(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    written = [ask(1), planted(2), ask(3, status=0, version="", error="TimeoutError")]
    with file.open("w", newline="") as opened:
        start_records(opened)
        write_records(opened, written)
        opened.write("1800000004.0,checkout,GE")
    pd.testing.assert_frame_equal(read_records(file), records_frame(written))
