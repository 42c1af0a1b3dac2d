"""`davylamp judge kayenta`: documents in, documents out, and what is wrong with them."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from davylamp.cli.judge import app
from davylamp.errors import BadInput
from davylamp.judge.kayenta import judge_document
from davylamp.judge.kayenta.fields import WrongDocument

LOW, HIGH = [1, 2.2, 1.1, 2.5, 3], [20, 22, 21, 25, 30]
SAME = {"name": "same", "control": LOW, "experiment": LOW}
WORSE = {"name": "worse", "control": LOW, "experiment": HIGH}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def judged(*metrics: dict[str, Any], **lines: Any) -> dict[str, Any]:
    return judge_document({"metrics": list(metrics), "confidence": 0.95, **lines})


def test_the_answer_has_exactly_the_fields_that_were_promised() -> None:
    answer = judged(SAME, WORSE)
    assert set(answer) == {"score", "outcome", "fail_ratio", "fail_ratio_outcome", "metrics"}
    assert set(answer["metrics"][0]) == {
        "name",
        "classification",
        "reason",
        "lower",
        "upper",
        "estimate",
        "effect_size",
        "critical",
    }
    assert answer["score"] == 50
    assert answer["outcome"] == "FAIL"
    assert (answer["fail_ratio"], answer["fail_ratio_outcome"]) == (0.5, "MANUAL")


@pytest.mark.parametrize(
    ("metrics", "outcome", "by_ratio"),
    [
        ([SAME] * 4, "PASS", "PROMOTE"),
        ([SAME] * 3 + [WORSE], "PASS", "MANUAL"),
        ([SAME] * 2 + [WORSE], "MARGINAL", "MANUAL"),
        ([SAME] + [WORSE] * 2, "FAIL", "ROLLBACK"),
        ([SAME] * 9 + [WORSE | {"critical": True}], "FAIL", "ROLLBACK"),
        ([SAME] * 3 + [SAME | {"control": []}], "PASS", "MANUAL"),
    ],
)
def test_both_rules_answer(metrics: list[Any], outcome: str, by_ratio: str) -> None:
    answer = judged(*metrics)
    assert (answer["outcome"], answer["fail_ratio_outcome"]) == (outcome, by_ratio)


def test_null_in_an_array_is_a_missing_point() -> None:
    answer = judged({"name": "m", "control": [None, *LOW], "experiment": [*HIGH, None]})
    assert answer["metrics"][0]["lower"] == pytest.approx(17.800044, abs=1e-6)


def test_what_is_not_a_number_is_null_in_the_answer() -> None:
    metric = judged(SAME)["metrics"][0]
    assert metric["lower"] is None
    assert metric["effect_size"] is None


def test_null_in_an_optional_field_leaves_its_default() -> None:
    assert judged(WORSE | {"direction": None, "allowed_increase": None})["outcome"] == "FAIL"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "the document: an object"),
        ({}, "needs the field 'metrics'"),
        ({"metrics": []}, "at least one"),
        ({"metrics": {}}, "metrics: an array"),
        ({"metrics": [3]}, r"metrics\[0\]: an object"),
        ({"metrics": [{"name": "a", "control": []}]}, r"metrics\[0\] \(a\): needs .*experiment"),
        ({"metrics": [SAME, SAME | {"control": [1, "2"]}]}, r"metrics\[1\] .*control\[1\]: a num"),
        ({"metrics": [SAME | {"control": [math.inf]}]}, r"control\[0\]: a finite number"),
        ({"metrics": [SAME | {"control": [10**400]}]}, r"control\[0\]: a finite number"),
        ({"metrics": [SAME | {"control": None}]}, "control: an array .* found null"),
        ({"metrics": [SAME | {"critcal": True}]}, "unknown field 'critcal'; did you mean 'crit"),
        ({"metrics": [SAME | {"critical": 1}]}, "critical: true or false"),
        ({"metrics": [SAME | {"direction": "up"}]}, "direction: must be one of increase, decr"),
        ({"metrics": [SAME | {"direction": {}}]}, "direction: must be one of"),
        ({"metrics": [SAME], "confidence": 98}, "confidence: must lie between"),
        ({"metrics": [SAME], "pass": 40}, "marginal: must not be above 'pass'"),
        ({"metrics": [SAME], "group_weights": {"a": 70, "b": 70}}, "not add up to more than 100"),
        ({"metrics": [SAME], "group_weights": {"a": -1}}, "group_weights.a: must lie between"),
        ({"metrics": [SAME], "groups": {}}, "unknown field 'groups'"),
    ],
)
def test_a_wrong_document_is_told_where_and_what(document: Any, said: str) -> None:
    with pytest.raises(WrongDocument, match=said):
        judge_document(document)


@given(json_values, st.sampled_from(["name", "control", "direction", "critical", "group", ""]))
def test_any_json_is_judged_or_refused(value: Any, field: str) -> None:
    document = {"metrics": [WORSE | {field: value} if field else value], "group_weights": value}
    for candidate in (value, document, {"metrics": document["metrics"]}):
        with contextlib.suppress(WrongDocument):
            json.dumps(judge_document(candidate), allow_nan=False)


def run(*arguments: str, stdin: str | bytes = b"") -> Any:
    return CliRunner().invoke(app, ["kayenta", *arguments], input=stdin)


def test_the_command_prints_one_document_and_exits_by_the_outcome(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps({"metrics": [SAME]}))
    passed = run(str(file), "--json")
    assert passed.exit_code == 0
    assert json.loads(passed.stdout)["outcome"] == "PASS"
    failed = run("-", "--json", stdin=json.dumps({"metrics": [WORSE], "confidence": 0.95}))
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["outcome"] == "FAIL"


def test_the_command_shows_a_table_to_people() -> None:
    name = "[red]\ud800 odd"
    shown = run("-", stdin=json.dumps({"metrics": [WORSE | {"name": name}], "confidence": 0.95}))
    assert shown.exit_code == 1
    assert "High" in shown.stdout


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"metrics": 3}', b"1" * 5000, b"NaN"],
)
def test_what_cannot_be_judged_is_bad_input_that_names_the_file(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "metrics.json"
    file.write_bytes(content)
    refused = run(str(file), "--json")
    assert isinstance(refused.exception, BadInput)
    assert str(file) in str(refused.exception)
    assert refused.stdout == ""


@pytest.mark.parametrize("file", ["nowhere.json", ".", "a\0b"])
def test_a_file_that_is_not_there_is_bad_input(file: str) -> None:
    assert isinstance(run(file).exception, BadInput)
