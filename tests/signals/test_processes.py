from __future__ import annotations

from dataclasses import replace

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.signals.processes import with_processes


def sample(role: Role, release_id: int = 7, service: str = "shop") -> Sample:
    nothing = (0,) * (len(LATENCY_BOUNDS_MS) + 1)
    return Sample(service, role, release_id, 1.0, 0, 0, 0, (0, 0, 0, 0, 0), nothing, 0)


def copy(name: str, role: Role, release_id: int = 7, service: str = "shop") -> Instance:
    return Instance(
        id=name,
        service=service,
        digest="sha256:0",
        role=role,
        release_id=release_id,
        state=InstanceState.READY,
        restarts=1,
        cpu_seconds=2.0,
        memory_bytes=100.0,
    )


def test_cpu_and_memory_are_summed_over_the_copies_of_one_side() -> None:
    fleet = [
        copy("a", Role.CANDIDATE),
        copy("b", Role.CANDIDATE),
        copy("c", Role.BASELINE),
        copy("d", Role.CANDIDATE, release_id=6),
        copy("e", Role.CANDIDATE, service="other"),
    ]
    (found,) = with_processes([sample(Role.CANDIDATE)], fleet)
    assert (found.cpu_seconds, found.memory_bytes) == (4.0, 200.0)
    assert (found.instances, found.restarts) == (2, 2)


def test_stable_copies_count_whichever_release_brought_them() -> None:
    fleet = [copy("a", Role.STABLE, release_id=0), copy("b", Role.STABLE, release_id=3)]
    (found,) = with_processes([sample(Role.STABLE)], fleet)
    assert found.instances == 2


def test_a_promoted_copy_is_stable_and_candidate_still() -> None:
    fleet = [copy("a", Role.STABLE, release_id=7), copy("b", Role.STABLE, release_id=3)]
    stable, candidate = with_processes([sample(Role.STABLE), sample(Role.CANDIDATE)], fleet)
    assert (stable.instances, candidate.instances) == (2, 1)


def test_one_unknown_part_makes_the_sum_unknown() -> None:
    fleet = [copy("a", Role.CANDIDATE), replace(copy("b", Role.CANDIDATE), cpu_seconds=None)]
    (found,) = with_processes([sample(Role.CANDIDATE)], fleet)
    assert found.cpu_seconds is None
    assert found.memory_bytes == 200.0


def test_a_copy_that_failed_costs_nothing_but_its_restarts_count() -> None:
    dead = replace(copy("b", Role.CANDIDATE), state=InstanceState.FAILED, cpu_seconds=None)
    (found,) = with_processes([sample(Role.CANDIDATE)], [copy("a", Role.CANDIDATE), dead])
    assert (found.cpu_seconds, found.instances, found.restarts) == (2.0, 1, 2)


def test_without_copies_cpu_is_unknown_and_not_zero() -> None:
    (found,) = with_processes([sample(Role.CANDIDATE)], [])
    assert (found.cpu_seconds, found.memory_bytes, found.instances) == (None, None, 0)
