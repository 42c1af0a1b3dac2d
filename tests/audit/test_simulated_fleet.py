"""Faults planted in a simulated fleet, where they would come from: found by asking everybody."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.simulated_fleet.audits import compare, plant_all
from benchmarks.simulated_fleet.faults import (
    FAULTS,
    Expected,
    Fault,
    lose_half,
    lose_services,
    silence_platform,
)
from benchmarks.simulated_fleet.names import service_name
from benchmarks.simulated_fleet.stage import Stage, stage
from benchmarks.simulated_fleet.world import Size
from davylamp.audit.all_rules import CODES
from davylamp.audit.gather.everything import gather
from davylamp.audit.run import Audit, run_audit
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server

SMALL = Size(services=60, replicas=3, databases=6)
LARGE = Size(services=500, replicas=6, databases=9)


@pytest.fixture
def staged(ledger: Ledger, postgres_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(ledger, postgres_url, tmp_path) as found:
        yield found


def audited(staged: Stage) -> Audit:
    return run_audit(gather(staged.parts()))


def assert_found(staged: Stage, expected: list[Expected]) -> Audit:
    found = audited(staged)
    assert compare(found, expected) == ([], [])
    return found


def test_a_healthy_fleet_has_no_finding_and_all_of_it_was_seen(staged: Stage) -> None:
    staged.set_up(SMALL)
    assert assert_found(staged, []).seen_instances == 60 * 3 + 12 * 2


def test_every_fault_alone_is_found_once_and_nothing_else(staged: Stage) -> None:
    """In turn in a service that is being released and in one that isn't."""
    codes: set[str] = set()
    for number, fault in enumerate(FAULTS):
        service = number % 2
        staged.set_up(Size(6, 3, databases=2 if fault.needs_database else 0))
        expected = fault.plant(staged, service_name(service))
        found = audited(staged)
        assert compare(found, expected) == ([], []), fault.name
        codes |= {code for code, _, _ in expected}
    assert codes == CODES


def test_all_faults_together_in_a_large_fleet_are_found_each_once(staged: Stage) -> None:
    staged.set_up(LARGE)
    expected = plant_all(staged, random.Random(6), each=3)
    assert_found(staged, expected)


@settings(
    deadline=None,
    max_examples=4,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=12), seed=st.randoms())
def test_faults_in_any_mixture_are_found_each_once(
    staged: Stage, faults: list[Fault], seed: random.Random
) -> None:
    staged.set_up(SMALL)
    in_databases = [fault for fault in faults if fault.needs_database][: SMALL.databases]
    others = [fault for fault in faults if not fault.needs_database]
    names = staged.world.names
    places = [
        *zip(in_databases, seed.sample(names[: SMALL.databases], len(in_databases)), strict=True),
        *zip(others, seed.sample(names[SMALL.databases :], len(others)), strict=True),
    ]
    expected = [one for fault, name in places for one in fault.plant(staged, name)]
    assert_found(staged, expected)


@pytest.mark.parametrize(
    ("break_it", "seen"),
    [
        (lose_half, 60 * 2 + 12 * 2),
        (lambda staged: lose_services(staged, 36), 36 * 3 + 8 * 2),
        (silence_platform, 0),
    ],
    ids=["half the inventory missing", "36 of 60 services", "platform silent"],
)
def test_nothing_is_healthy_that_was_not_seen(
    staged: Stage, break_it: Callable[[Stage], list[Expected]], seen: int
) -> None:
    staged.set_up(SMALL)
    assert assert_found(staged, break_it(staged)).seen_instances == seen
