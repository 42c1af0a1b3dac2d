"""Which build a service is said to run, from what the ledger and the platform show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assets.as_released import evaluate
from assets.live_version import materialization, observation, read_live_version
from davylamp.catalog.model import Catalog, Service
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.session import Ledger
from davylamp.rollout.parts import Parts
from davylamp.settings import Settings

pytestmark = pytest.mark.server

NEW, OLD = "sha256:" + "1" * 64, "sha256:" + "0" * 64
CHECKOUT = Service.model_validate(
    {
        "name": "checkout",
        "owner": "tests",
        "image": {"repository": "shop/checkout"},
        "route": {"hosts": ["checkout.localhost"]},
    }
)


class Fleet:
    """Implements as much of `Platform` as is asked here."""

    def __init__(self, copies: Sequence[Instance]) -> None:
        self._copies = copies

    def instances(self) -> list[Instance]:
        return list(self._copies)


def copy(name: str, digest: str, role: Role = Role.STABLE, ready: bool = True) -> Instance:
    state = InstanceState.READY if ready else InstanceState.FAILED
    return Instance(name, "checkout", digest, role, 1, state)


def seen(ledger: Ledger, *copies: Instance):
    parts = Parts(Settings(), ledger, Fleet(copies), Catalog(services={"checkout": CHECKOUT}))
    return read_live_version(parts, CHECKOUT)


@pytest.fixture
def released(ledger: Ledger) -> Ledger:
    with ledger.begin() as db:
        inventory.set_stable(db, "checkout", digest=NEW, version="1.1.0", image="x", release_id=1)
    return ledger


def test_service_that_runs_what_was_released_has_no_problem(released: Ledger) -> None:
    live = seen(released, copy("a", NEW), copy("b", NEW))

    assert (live.version, live.ready, live.wanted, live.problem) == ("1.1.0", 2, 2, "")
    assert evaluate([live]).passed


def test_leftover_instance_is_named_with_what_it_runs(released: Ledger) -> None:
    live = seen(released, copy("a", NEW), copy("b", NEW), copy("the-eighth", OLD))

    assert "the-eighth (sha256:000000000000)" in live.problem
    assert not evaluate([live]).passed


def test_missing_copies_are_a_problem(released: Ledger) -> None:
    assert "1 of 2" in seen(released, copy("a", NEW), copy("b", NEW, ready=False)).problem


def test_candidate_and_baseline_of_a_running_release_are_no_leftovers(released: Ledger) -> None:
    live = seen(
        released,
        copy("a", NEW),
        copy("b", NEW),
        copy("c", OLD, Role.CANDIDATE),
        copy("d", NEW, Role.BASELINE),
    )

    assert live.problem == ""


def test_promoted_copy_counts_by_the_part_the_ledger_gives_it(released: Ledger) -> None:
    promoted = copy("a", NEW, Role.CANDIDATE)
    with released.begin() as db:
        inventory.assign(db, [promoted])
        inventory.change_role(db, ["a"], Role.STABLE)

    assert seen(released, promoted, copy("b", NEW)).ready == 2


def test_service_that_was_never_released_is_no_problem(ledger: Ledger) -> None:
    live = seen(ledger)

    assert (live.version, live.problem) == ("none", "")


def test_data_version_is_the_digest_that_was_seen(released: Ledger, tmp_path: Path) -> None:
    live = seen(released, copy("a", NEW), copy("b", OLD))

    assert materialization(live).tags == {"dagster/data_version": NEW}
    assert observation(live).tags == {"dagster/data_version": f"{OLD}+{NEW}"}
