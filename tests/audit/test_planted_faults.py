"""Every fault, alone and with the others: found once, where it is, and nothing else."""

from __future__ import annotations

import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.audit.all_rules import CODES
from tests.audit.fleets import (
    FAULTS,
    SEVERITIES,
    Document,
    Expected,
    Fault,
    add_service,
    audited,
    found_in,
    healthy,
)

BY_NAME = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)


def in_order(expected: list[Expected]) -> list[tuple[str, str, str]]:
    return sorted((code, service or "", instance or "") for code, service, instance in expected)


def test_there_is_a_fault_for_every_code() -> None:
    assert {fault.code for fault in FAULTS} == CODES


def test_a_healthy_fleet_has_no_finding_and_all_of_it_was_seen() -> None:
    audit = audited(healthy(10))
    assert audit.findings == ()
    assert audit.seen_instances == 10 * 3 + 2 * 2
    assert not audit.is_critical


@BY_NAME
@pytest.mark.parametrize("service", ["s0", "s1"], ids=["releasing", "stable"])
def test_a_fault_alone_is_found_once_with_its_severity(fault: Fault, service: str) -> None:
    document = healthy(6)
    expected = fault.plant(document, service)
    findings = audited(document).findings
    assert [(f.code, f.service, f.instance) for f in findings] == expected
    assert [f.severity.value for f in findings] == [SEVERITIES[fault.code]]
    assert all(f.detail and f.next for f in findings)


def test_all_faults_together_in_a_large_fleet_are_found_each_once() -> None:
    document = healthy(500, 20)
    places = iter(random.Random(6).sample(range(500), 5 * len(FAULTS)))
    expected = [
        e for fault in FAULTS for _ in range(5) for e in fault.plant(document, f"s{next(places)}")
    ]
    assert in_order(found_in(document)) == in_order(expected)


def test_faults_of_a_service_do_not_hide_those_of_its_instances() -> None:
    document = healthy(3)
    apart = {"unknown_build", "known_bad_build", "witness_disagrees", "missing_instances"}
    faults = [fault for fault in FAULTS if fault.code not in apart]  # one build an instance
    expected = [e for fault in faults for e in fault.plant(document, "s1")]
    found = found_in(document)
    assert set(expected) - {("stale_flag_set", "s1", "s1-0")} == set(found)  # it can't be asked
    assert len(set(found)) == len(found)


@settings(deadline=None, max_examples=25)
@given(
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    replicas=st.integers(2, 6),
    seed=st.randoms(use_true_random=False),
)
def test_faults_in_any_mixture_are_found_each_once(
    faults: list[Fault], replicas: int, seed: random.Random
) -> None:
    document = healthy(24, replicas)
    places = seed.sample(range(24), len(faults))
    expected = [
        e for fault, n in zip(faults, places, strict=True) for e in fault.plant(document, f"s{n}")
    ]
    assert in_order(found_in(document)) == in_order(expected)


@settings(deadline=None, max_examples=12)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=6), seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(faults: list[Fault], seed: random.Random) -> None:
    document = healthy(8)
    for n, fault in enumerate(faults):
        fault.plant(document, f"s{n}")
    shuffled: Document = copy.deepcopy(document)
    for part in ("services", "builds", "instances", "databases", "routes"):
        seed.shuffle(shuffled[part])
    assert audited(shuffled).document() == audited(document).document()


@settings(deadline=None, max_examples=12)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=6), is_releasing=st.booleans())
def test_a_healthy_service_more_adds_no_finding(faults: list[Fault], is_releasing: bool) -> None:
    document = healthy(8)
    for n, fault in enumerate(faults):
        fault.plant(document, f"s{n}")
    before = audited(document)
    add_service(document, "another", is_releasing=is_releasing)
    after = audited(document)
    assert after.findings == before.findings
    assert after.seen_instances > before.seen_instances
