"""Named metrics from an exporter through a real Prometheus and a real ledger to a verdict."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from davylamp.catalog.model import Service
from davylamp.errors import Unreachable
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.judge.verdict import Outcome
from davylamp.ledger import evidence, releases
from davylamp.ledger.named import read_named
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.entry import entry_of
from davylamp.rollout.keeper import observe_and_sample, sample_named
from davylamp.rollout.named import NamedSampler
from davylamp.rollout.parts import Parts
from davylamp.settings import Settings
from davylamp.signals.open_named import open_named
from davylamp.signals.prometheus_metrics import NamedMetric, NamedReadings
from davylamp.signals.protocol import Watched
from tests.rollout.test_endings import Yard
from tests.signals.prometheus_rig import PrometheusServer, Target, until

pytestmark = pytest.mark.server
BY = "by (service, role, release, instance)"
ENTRY: dict[str, Any] = {
    "name": "shop",
    "owner": "tests",
    "image": {"repository": "shop/shop"},
    "route": {"hosts": ["shop.localhost"]},
    "judge": {
        "warm_up_seconds": 2,
        "metrics": [
            {
                "name": "orders_failed",
                "kind": "counter_ratio",
                "numerator": f"sum {BY} (orders_failed_total)",
                "denominator": f"sum {BY} (orders_total)",
                "critical": True,
            },
            {"name": "queue", "kind": "gauge", "query": "max by (service) (queue_lenght{"},
        ],
    },
}
PER_SECOND = 200


class Shop:
    """An exporter of two builds that take orders all the time; the candidate loses a tenth."""

    def __init__(self) -> None:
        self.release_id = 0
        self._began = time.time()
        self.target = Target(self._say)

    def _say(self) -> str:
        orders = int((time.time() - self._began) * PER_SECOND)
        lines: list[str] = []
        for role, part in ((Role.CANDIDATE, 0.1), (Role.BASELINE, 0.005)):
            labels = f'service="shop",role="{role}",release="{self.release_id}"'
            lines += [
                f"orders_total{{{labels}}} {orders}",
                f"orders_failed_total{{{labels}}} {int(orders * part)}",
            ]
        return "\n".join([*lines, ""])


class Requests:
    """A source whose requests are all fine."""

    def read(self, watched: Collection[Watched]) -> list[Sample]:
        now = time.time()
        n = int((now - 1_700_000_000) * 50)
        latency = (0, 0, 0, n, *(0,) * (len(LATENCY_BOUNDS_MS) - 3))
        return [
            Sample(w.service, w.role, w.release_id, now, n, n, 0, (0, n, 0, 0, 0), latency, 0)
            for w in watched
        ]


@pytest.fixture
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.target.close()


@pytest.fixture
def server(shop: Shop, tmp_path: Path) -> Iterator[PrometheusServer]:
    found = PrometheusServer(tmp_path, {"shop": [shop.target.address]})
    yield found
    found.stop()


def opened(ledger: Ledger, entry: dict[str, Any] = ENTRY) -> Release:
    """A release that has begun to start."""
    entry = Service.model_validate(entry).model_dump(mode="json")
    with ledger.begin() as db:
        release = releases.open_release(
            db, service=entry["name"], image="1", plan={}, entry=entry, seed=1, requested_by="ana"
        )
        releases.update_release(
            db, release.id, "starting", "", state=releases.ReleaseState.STARTING
        )
        return releases.get_release(db, release.id)


def test_failing_orders_roll_back_and_are_named(
    ledger: Ledger, shop: Shop, server: PrometheusServer, tmp_path: Path
) -> None:
    release = opened(ledger)
    shop.release_id = release.id
    settings = Settings(home=tmp_path, prometheus_url=server.url)
    parts = Parts(settings, ledger, Yard())
    source = open_named(settings)
    assert source is not None
    sampler = NamedSampler(ledger, source)
    bench = Bench(ledger, release.id, entry_of(release).judge.policy())

    def has_decided() -> bool:
        observe_and_sample(parts, Requests())
        sample_named(parts, sampler)
        bench.read()
        time.sleep(0.5)
        return bench.hearing.verdict().outcome is Outcome.ROLLBACK

    until(has_decided, seconds=120)
    verdict = bench.hearing.verdict()
    assert verdict.headline.startswith("orders_failed: ")
    assert "% on the candidate" in verdict.headline
    assert verdict.against == ("orders_failed",)
    (queue,) = (m for m in verdict.metrics if m.name == "queue")
    assert "queue: not read" in queue.reason
    assert "parse error" in queue.reason
    with ledger.begin() as db:
        evidence.write_verdict(db, release.id, 0, verdict)
        document = evidence.last_verdict(db, release.id)
    assert document is not None
    assert document["metrics"][0]["name"] == "orders_failed"


class Broken:
    """A Prometheus that never answers."""

    def read_named(
        self, metrics: Collection[NamedMetric], watched: Collection[Watched]
    ) -> NamedReadings:
        raise Unreachable("Prometheus does not answer")


def test_a_prometheus_that_is_away_is_written_down_and_harms_no_sample(
    ledger: Ledger, tmp_path: Path
) -> None:
    release = opened(ledger)
    parts = Parts(Settings(home=tmp_path), ledger, Yard())
    sample_named(parts, NamedSampler(ledger, Broken()))
    observe_and_sample(parts, Requests())
    with ledger.begin() as db:
        (look,) = read_named(db, release.id)
        samples = evidence.read_samples(db, release.id)
    assert look.problems == dict.fromkeys(("orders_failed", "queue"), "Prometheus does not answer")
    assert all(samples.values())


class Recorded:
    """A source of two services whose metrics bear one name, one of which can't be read."""

    def read_named(
        self, metrics: Collection[NamedMetric], watched: Collection[Watched]
    ) -> NamedReadings:
        self.asked = [metric.name for metric in metrics]
        return NamedReadings({}, {self.asked[0]: "parse error"})


def test_two_services_may_use_one_name(ledger: Ledger, tmp_path: Path) -> None:
    one = {**ENTRY, "judge": {"metrics": ENTRY["judge"]["metrics"][:1]}}
    shop, cart = opened(ledger, one), opened(ledger, {**one, "name": "cart"})
    source = Recorded()
    parts = Parts(Settings(home=tmp_path), ledger, Yard())
    sample_named(parts, NamedSampler(ledger, source))
    assert sorted(source.asked) == ["cart/orders_failed", "shop/orders_failed"]
    first = shop if source.asked[0].startswith("shop") else cart
    second = cart if first is shop else shop
    with ledger.begin() as db:
        assert read_named(db, first.id)[0].problems == {"orders_failed": "parse error"}
        assert read_named(db, second.id) == []


def test_without_prometheus_or_metrics_nothing_is_read(ledger: Ledger, tmp_path: Path) -> None:
    assert open_named(Settings(home=tmp_path)) is None
    release = opened(ledger, {k: v for k, v in ENTRY.items() if k != "judge"})
    sample_named(Parts(Settings(home=tmp_path), ledger, Yard()), NamedSampler(ledger, Broken()))
    with ledger.begin() as db:
        assert read_named(db, release.id) == []
