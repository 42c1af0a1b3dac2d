"""What each rule means exactly, at its edges."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.fleets import (
    DAY,
    HOUR,
    NOW,
    Document,
    audited,
    build,
    digest,
    found_in,
    healthy,
    instance,
)


def fleet(**first: Any) -> Document:
    """A small fleet; `first` changes the first instance of `s1`, which isn't being released."""
    document = healthy(3)
    next(i for i in document["instances"] if i["id"] == "s1-0").update(first)
    return document


def at(document: Document, part: str, name: str) -> Document:
    return next(one for one in document[part] if name in (one.get("name"), one.get("service")))


def test_a_candidate_of_the_active_release_is_not_stale_but_an_older_one_is() -> None:
    document = healthy(1)
    document["builds"].append(build("s0", "before"))
    late = instance("s0", "late", digest("s0 before"), role="candidate")
    document["instances"].append(late)
    assert found_in(document) == [("stale_instance", "s0", "late")]


def test_a_candidate_without_a_role_is_known_by_its_digest() -> None:
    document = healthy(1)
    for one in document["instances"]:
        del one["role"]
    assert found_in(document) == []


def test_an_unknown_digest_is_not_stale_as_well() -> None:
    assert found_in(fleet(digest=digest("?"))) == [("unknown_build", "s1", "s1-0")]


@pytest.mark.parametrize("wrong", ["latest", "sha256:12", "unknown", "", None])
def test_what_is_no_digest_is_an_unknown_build(wrong: str | None) -> None:
    assert found_in(fleet(digest=wrong)) == [("unknown_build", "s1", "s1-0")]


def test_another_services_build_is_stale() -> None:
    assert found_in(fleet(digest=digest("s2 stable"))) == [("stale_instance", "s1", "s1-0")]


def test_a_known_bad_build_is_found_as_that_alone_also_when_it_is_stable() -> None:
    document = fleet()
    stable = next(b for b in document["builds"] if b["digest"] == digest("s1 stable"))
    stable["known_bad"] = True
    assert found_in(document) == [("known_bad_build", "s1", f"s1-{i}") for i in range(3)]


def test_a_build_is_bad_for_the_service_that_took_it_back() -> None:
    document = fleet()
    document["builds"].append(build("s2", "stable") | {"digest": digest("s1 stable")})
    document["builds"][-1]["known_bad"] = True
    assert found_in(document) == []


def test_a_rolled_back_candidate_that_was_left_is_both_left_over_and_known_bad() -> None:
    document = fleet()
    document["builds"].append(build("s1", "bad", known_bad=True))
    document["instances"].append(instance("s1", "x", digest("s1 bad"), role="candidate"))
    assert found_in(document) == [("known_bad_build", "s1", "x"), ("leftover_release", "s1", "x")]


@pytest.mark.parametrize(
    ("seconds", "severity"), [(60, None), (61, "warning"), (600, "warning"), (601, "critical")]
)
def test_an_instance_unseen_for_longer_is_worse(seconds: float, severity: str | None) -> None:
    found = audited(fleet(last_seen_at=NOW - seconds)).findings
    assert [f.severity.value for f in found] == ([severity] if severity else [])


def test_an_instance_that_was_never_seen_is_critical_and_not_counted() -> None:
    audit = audited(fleet(last_seen_at=None))
    assert [(f.code, f.severity.value) for f in audit.findings] == [
        ("unreachable_instance", "critical")
    ]
    assert audit.seen_instances == 10


def test_a_service_may_have_limits_of_its_own() -> None:
    document = fleet(last_seen_at=NOW - 120)
    at(document, "services", "s1")["limits"] = {"unseen_seconds": 300}
    assert found_in(document) == []


def test_a_clock_minutes_ahead_is_believed_and_one_hours_ahead_is_not() -> None:
    assert found_in(fleet(last_seen_at=NOW + 300)) == []
    assert found_in(fleet(last_seen_at=NOW + HOUR)) == [("unreachable_instance", "s1", "s1-0")]


def test_an_unreachable_instance_is_not_missing_nor_stale_in_its_flags() -> None:
    document = fleet(last_seen_at=NOW - 120, flags_revision=1)
    assert found_in(document) == [("unreachable_instance", "s1", "s1-0")]


def test_an_unreachable_instance_with_an_old_build_is_still_named_for_it() -> None:
    document = fleet(last_seen_at=NOW - 120, digest=digest("s1 old"))
    assert [code for code, _, _ in found_in(document)] == ["stale_instance", "unreachable_instance"]


def test_candidates_do_not_stand_in_for_instances_that_are_missing() -> None:
    document = healthy(1)
    document["instances"] = [i for i in document["instances"] if i["id"] != "s0-0"]
    assert found_in(document) == [("missing_instances", "s0", None)]


def test_a_service_nobody_saw_anything_of_is_missing_all() -> None:
    document = fleet()
    document["instances"] = [i for i in document["instances"] if i["service"] != "s1"]
    (finding,) = audited(document).findings
    assert (finding.code, finding.service) == ("missing_instances", "s1")
    assert "none of them is there" in finding.detail


def test_one_instance_reported_twice_does_not_hide_one_that_is_missing() -> None:
    document = fleet()
    document["instances"] = [i for i in document["instances"] if i["id"] != "s1-2"]
    document["instances"].append(instance("s1", "s1-0", digest("s1 stable")))
    assert {code for code, _, _ in found_in(document)} == {
        "duplicate_instance",
        "missing_instances",
    }


def test_two_reports_of_one_id_with_two_builds_are_two_witnesses() -> None:
    document = fleet()
    document["instances"].append(instance("s1", "s1-0", digest("s1 old")))
    assert found_in(document) == [
        ("witness_disagrees", "s1", "s1-0"),
        ("duplicate_instance", "s1", "s1-0"),
    ]


def test_a_newer_report_of_the_same_id_counts() -> None:
    document = fleet(last_seen_at=NOW - HOUR)
    document["instances"].append(instance("s1", "s1-0", digest("s1 stable")))
    assert found_in(document) == [("duplicate_instance", "s1", "s1-0")]


def test_a_witness_who_agrees_or_says_nothing_is_no_finding() -> None:
    witnesses = {"its own report": digest("s1 stable"), "router": None}
    assert found_in(fleet(witnesses=witnesses)) == []


def test_the_finding_tells_who_says_what() -> None:
    (finding,) = audited(fleet(witnesses={"its own report": digest("s1 old")})).findings
    assert "its own report says old" in finding.detail
    assert "the platform says stable" in finding.detail


@pytest.mark.parametrize(
    ("revision", "is_found"), [(6, True), (7, False), (8, False), ("6", True), ("x", True)]
)
def test_flags_are_stale_when_they_are_older(revision: int | str, is_found: bool) -> None:
    expected = [("stale_flag_set", "s1", "s1-0")] if is_found else []
    assert found_in(fleet(flags_revision=revision)) == expected


def test_flags_published_just_now_may_still_be_on_their_way() -> None:
    document = fleet(flags_revision=6)
    document["flags"]["published_at"] = NOW - 60
    assert found_in(document) == []


def test_an_instance_that_reads_flags_and_does_not_say_which_was_not_seen_with_them() -> None:
    assert found_in(fleet(flags_revision=None)) == [("stale_flag_set", "s1", "s1-0")]
    assert found_in(fleet(flags_revision=None, started_at=NOW - 10)) == []


@pytest.mark.parametrize(
    ("revision", "is_found"),
    [("r1", False), ("r3", False), ("r4", True), ("r9", True), ("", True), (None, True)],
)
def test_a_database_has_to_be_within_the_bounds(revision: str | None, is_found: bool) -> None:
    document = fleet()
    at(document, "databases", "s1_db")["revision"] = revision
    assert found_in(document) == ([("schema_outside_contract", "s1", None)] if is_found else [])


def test_a_bound_the_history_does_not_have_proves_nothing() -> None:
    document = fleet()
    at(document, "databases", "s1_db")["lineage"] = ["r2"]
    assert found_in(document) == [("schema_outside_contract", "s1", None)]


def test_a_database_nobody_saw_is_a_warning() -> None:
    document = fleet()
    document["databases"] = [d for d in document["databases"] if d["name"] != "s1_db"]
    (finding,) = audited(document).findings
    assert (finding.code, finding.severity.value) == ("schema_outside_contract", "warning")
    assert "s1_db was not seen" in finding.detail


def test_all_that_is_wrong_with_a_services_databases_is_one_finding() -> None:
    document = fleet(digest=digest("s1 old"))
    at(document, "databases", "s1_db")["revision"] = "r4"
    found = [f for f in audited(document).findings if f.code == "schema_outside_contract"]
    assert len(found) == 1
    assert "old (" in found[0].detail
    assert "stable (" in found[0].detail


def test_a_database_of_two_services_is_overdue_for_both_and_one_of_none_for_the_fleet() -> None:
    document = fleet()
    at(document, "databases", "s1_db")["migrated_at"] = NOW - 8 * DAY
    at(document, "services", "s2")["databases"].append("s1_db")
    document["databases"].append({"name": "lost", "revision": "r1", "migrated_at": NOW - 9 * DAY})
    assert found_in(document) == [
        ("overdue_contract", None, None),
        ("overdue_contract", "s1", None),
        ("overdue_contract", "s2", None),
    ]


@pytest.mark.parametrize(("seen", "is_found"), [(0.9995, False), (0.99, True), (0.0, True)])
def test_weights_are_compared_to_a_thousandth(seen: float, is_found: bool) -> None:
    document = fleet()
    at(document, "routes", "s1")["observed"] = {digest("s1 stable"): seen}
    assert found_in(document) == ([("route_drift", "s1", None)] if is_found else [])


def test_weights_in_per_cent_and_a_build_of_weight_nothing_are_fine() -> None:
    document = fleet()
    at(document, "routes", "s1").update(
        intended={digest("s1 stable"): 100}, observed={digest("s1 stable"): 100, digest("x"): 0}
    )
    assert found_in(document) == []


def test_endpoints_nobody_meant_are_drift_and_a_router_nobody_could_ask_is_a_warning() -> None:
    document = fleet()
    at(document, "routes", "s1").update(
        intended_endpoints=["10.0.0.1:80"], observed_endpoints=["10.0.0.1:80", "10.0.0.8:80"]
    )
    at(document, "routes", "s2")["observed"] = None
    found = [(f.code, f.service, f.severity.value) for f in audited(document).findings]
    assert found == [("route_drift", "s1", "critical"), ("route_drift", "s2", "warning")]


def test_two_flags_reused_are_two_findings_of_the_fleet() -> None:
    document = fleet()
    document["flags"].update(active=["a", "b"], retired=["b", "a"])
    assert found_in(document) == [("flag_reused", None, None)] * 2


def test_of_a_platform_that_answers_for_300_of_500_services_the_rest_is_not_fine() -> None:
    document = healthy(500, 2)
    answered = {f"s{n}" for n in range(300)}
    document["instances"] = [i for i in document["instances"] if i["service"] in answered]
    found = found_in(document)
    assert {code for code, _, _ in found} == {"missing_instances"}
    assert {service for _, service, _ in found} == {f"s{n}" for n in range(300, 500)}


@pytest.mark.parametrize(
    ("version", "is_found"), [("old", True), ("stable", False), ("next", False), ("9.9", True)]
)
def test_a_build_that_is_connected_and_runs_nowhere_is_found(version: str, is_found: bool) -> None:
    document = healthy(3, releasing_every=1)
    at(document, "databases", "s1_db")["clients"] = [
        {"service": "s1", "version": version, "sessions": 3}
    ]
    assert found_in(document) == ([("witness_disagrees", "s1", None)] if is_found else [])
