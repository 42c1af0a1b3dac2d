"""The fleet in the record: a copy that was only ordered is told from one that is going."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server

ORDERED = Instance("c", "orders", "sha256:1", Role.CANDIDATE, 1, InstanceState.STARTING)


def left_after(ledger: Ledger, *seen: Instance) -> list[str]:
    """Copies on record once each was seen, and then the platform shows none."""
    with ledger.begin() as db:
        inventory.assign(db, [ORDERED])
        for one in seen:
            inventory.observe(db, [one], whole_fleet=True)
        inventory.observe(db, [], whole_fleet=True)
        return [copy.id for copy in inventory.instances_of(db)]


def test_a_copy_just_ordered_counts_before_its_platform_shows_it(ledger: Ledger) -> None:
    assert left_after(ledger) == ["c"]


def test_a_copy_that_was_shown_running_and_is_shown_no_more_is_gone(ledger: Ledger) -> None:
    ran = replace(ORDERED, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    ready = replace(ran, state=InstanceState.READY)
    # while it drains it doesn't answer for itself any more, and is shown as starting
    assert left_after(ledger, ready, ran) == []
