"""A verdict as figures and as a table, in the order in which people read."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest

from davylamp.judge.verdict import SEQUENTIAL, MetricVerdict, Outcome, Verdict
from davylamp.report.recall import deciding, recalled
from release_defs.ops.metadata import figures_of_verdict, plots_of, table_of_verdict
from tests.report import stories

ERRORS = replace(stories.ERRORS, estimate=52.0)
NOTHING = MetricVerdict("cpu_per_request", "Nodata", "", upper=1e299, weight=0.03, unit="ms")
VERDICT = Verdict(
    Outcome.ROLLBACK,
    "5.2 % of 1,204 requests failed",
    SEQUENTIAL,
    (ERRORS, NOTHING),
    missing=("a", "b", "c", "d"),
    other_opinions={"fail-ratio": "PROMOTE", "score": "MANUAL"},
    candidate_requests=1204,
    baseline_requests=1187,
    e_value=6172.5,
)


def test_what_matters_most_comes_first() -> None:
    found = figures_of_verdict(VERDICT)

    assert list(found) == [
        "outcome",
        "judge",
        "headline",
        "evidence of harm",
        "candidate requests",
        "baseline requests",
        "candidate failed %",
        "baseline failed %",
        "missing",
        "other judges",
    ]
    assert found["judge"] == "sequential says ROLLBACK"
    assert found["evidence of harm"] == 6170.0
    assert found["missing"] == "a; b; c; and 1 more"
    assert found["other judges"] == "fail-ratio says PROMOTE, score says MANUAL"


def test_the_table_has_a_row_a_metric_with_its_evidence() -> None:
    table = table_of_verdict(VERDICT)["verdict"]
    row = dict(table.records[0].data)

    assert row == {
        "metric": "error_rate",
        "candidate": "5.2 % of 1,204",
        "baseline": "0.1 % of 1,187",
        "ratio": "52",
        "95 % interval": "21 … 140",
        "margin": "1.25",
        "evidence": "12,345",
        "weight": "50%",
        "harmless": "1e-09",
        "says": "against",
    }
    assert {column.name for column in table.schema.columns} == set(row)
    assert all(column.description for column in table.schema.columns)


def test_what_is_not_known_is_a_dash_and_not_a_number() -> None:
    row = table_of_verdict(VERDICT)["verdict"].records[1].data

    assert (row["candidate"], row["ratio"], row["95 % interval"], row["evidence"]) == ("–",) * 4
    assert row["says"] == "no data"


def test_a_fixed_window_does_not_call_its_interval_anytime() -> None:
    errors = replace(ERRORS, e_value=None)
    table = table_of_verdict(Verdict(Outcome.PROMOTE, "fine", "fail-ratio", (errors,)))["verdict"]

    columns = [c.name for c in table.schema.columns]

    assert "interval" in columns
    assert "95 % interval" not in columns
    assert table.records[0].data["says"] == "against: 5.2 % failed"


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_number_that_is_none_is_left_out_of_the_figures(value: float | None) -> None:
    metric = MetricVerdict("error_rate", "Nodata", "", candidate=value, e_value=value, lower=value)
    verdict = Verdict(Outcome.CONTINUE, "", SEQUENTIAL, (metric,), e_value=value)

    assert "candidate failed %" not in figures_of_verdict(verdict)
    assert "evidence of harm" not in figures_of_verdict(verdict)
    assert table_of_verdict(verdict)["verdict"].records


def test_a_verdict_without_metrics_has_no_table_and_no_picture_is_no_metadata() -> None:
    assert table_of_verdict(Verdict(Outcome.CONTINUE, "", SEQUENTIAL)) == {}
    assert plots_of(b"") == {}


def test_a_verdict_comes_back_from_the_ledger_as_it_was() -> None:
    document = json.loads(json.dumps(asdict(VERDICT)))

    assert recalled(document) == VERDICT
    document["metrics"][0]["of_a_later_version"] = 1
    assert recalled(document | {"of_a_later_version": 1}) == VERDICT


def test_the_verdict_that_decided_is_the_one_that_is_shown_at_the_end() -> None:
    said = [{"outcome": o, "n": i} for i, o in enumerate(("CONTINUE", "PROMOTE", "CONTINUE"))]

    assert deciding(said) == {"outcome": "PROMOTE", "n": 1}
    assert deciding(said[:1]) == {"outcome": "CONTINUE", "n": 0}
    assert deciding([]) is None
