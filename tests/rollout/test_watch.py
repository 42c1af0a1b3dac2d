"""What a watcher counts as evidence, against a real ledger."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.ledger import evidence, releases, routes
from davylamp.ledger.session import Ledger
from davylamp.rollout.coexistence import Coexistence
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.conduct.watch import Watcher
from davylamp.rollout.parts import Parts
from davylamp.rollout.plan import Plan, PlanStep
from davylamp.rollout.state import Phase
from davylamp.settings import Settings
from tests.rollout.test_endings import Yard

pytestmark = pytest.mark.server
PLAN = Plan((PlanStep(0.1, 0.1, 60, 50),), 30, 300, 600)


def reading(release_id: int, at: float, requests: int) -> Sample:
    latency = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    latency[4] = requests
    return Sample(
        service="checkout",
        role=Role.CANDIDATE,
        release_id=release_id,
        at=at,
        started=requests,
        succeeded=requests,
        failed=0,
        responses=(0, requests, 0, 0, 0),
        latency=tuple(latency),
        in_flight=0,
    )


def test_requests_from_before_a_share_was_confirmed_are_not_counted_for_it(
    ledger: Ledger, tmp_path: Path
) -> None:
    with ledger.begin() as db:
        release = releases.open_release(
            db, service="checkout", image="1", plan={}, entry={}, seed=1, requested_by="ana"
        )
        fence = routes.take_route(db, "checkout", release.id, 1, 15).fence
        evidence.write_samples(db, [reading(release.id, time.time() - 0.4, 100)])
    settings = Settings(home=tmp_path)
    hold = RouteHold(ledger, settings, "checkout", release.id, fence)
    parts = Parts(settings, ledger, Yard())
    bench = Bench(ledger, release.id, JudgePolicy())
    watcher = Watcher(
        parts, hold, PLAN, bench.policy, Coexistence(), Phase.STEPPING, 0, share=0.1, bench=bench
    )
    now = time.time()
    with ledger.begin() as db:
        after = [reading(release.id, now + 0.1, 200), reading(release.id, now + 1.1, 260)]
        evidence.write_samples(db, after)
    assert watcher.look().progress.requests == 60
