from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.ledger.evidence import read_samples
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.inventory import assign, change_role
from davylamp.ledger.releases import active_releases, open_release
from davylamp.ledger.session import Ledger
from davylamp.signals.protocol import Watched
from davylamp.signals.sampler import sample_once, watched_sides


class Recorded:
    """A source that knows of every side but the baselines."""

    def read(self, watched: Collection[Watched]) -> list[Sample]:
        nothing = (0,) * (len(LATENCY_BOUNDS_MS) + 1)
        return [
            Sample(w.service, w.role, w.release_id, 5.0, 3, 2, 1, (0, 2, 0, 0, 1), nothing, 0)
            for w in watched
            if w.role is not Role.BASELINE
        ]


@pytest.mark.server
def test_a_tick_writes_one_sample_a_known_side_with_the_part_the_ledger_gave(
    ledger: Ledger,
) -> None:
    copy = Instance("x", "shop", "sha256:0", Role.CANDIDATE, 0, InstanceState.READY)
    with ledger.begin() as db:
        release = open_release(
            db, service="shop", image="shop:1", plan={}, entry={}, seed=1, requested_by="test"
        )
        copy = replace(copy, release_id=release.id)
        assign(db, [copy])
        change_role(db, ["x"], Role.STABLE)
        watched = watched_sides(active_releases(db))
    measured = replace(copy, cpu_seconds=1.5, memory_bytes=10.0)

    assert sample_once(ledger, Recorded(), [measured], watched) == 2

    with ledger.begin() as db:
        found = read_samples(db, release.id)
    assert found[Role.BASELINE] == []
    (stable,), (candidate,) = found[Role.STABLE], found[Role.CANDIDATE]
    assert (stable.cpu_seconds, stable.instances) == (1.5, 1)
    assert (candidate.started, candidate.instances) == (3, 1)


@pytest.mark.server
def test_a_tick_without_active_releases_reads_nothing(ledger: Ledger) -> None:
    assert sample_once(ledger, Recorded(), [], []) == 0
