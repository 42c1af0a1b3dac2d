"""Named metrics from a real Prometheus, of services that say what a test wants them to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from davylamp.errors import Unreachable
from davylamp.judge.named_metrics import (
    GaugeReading,
    HistogramReading,
    MetricKind,
    NamedReading,
    RatioReading,
)
from davylamp.judge.sample import Role
from davylamp.signals.prometheus_http import PrometheusAccess
from davylamp.signals.prometheus_metrics import NamedMetric, NamedReadings
from davylamp.signals.prometheus_named import NamedReader
from davylamp.signals.prometheus_query import Prometheus
from davylamp.signals.protocol import Watched
from tests.signals.prometheus_rig import PrometheusServer, Target, until

pytestmark = pytest.mark.server

FLEET = [Watched("shop", role, 7) for role in Role]
CANDIDATE = ("shop", Role.CANDIDATE, 7)
STABLE = ("shop", Role.STABLE, 7)
BY = "by (service, role, release, instance)"
ORDERS = NamedMetric(
    "orders_failed",
    MetricKind.COUNTER_RATIO,
    numerator=f"sum {BY} (orders_failed_total)",
    denominator=f"sum {BY} (orders_total)",
    scraped="min by (service, role, release) (timestamp(orders_total))",
)
QUEUE = NamedMetric(
    "queue",
    MetricKind.GAUGE,
    query="max by (service, role, release) (queue_length)",
    scraped="min by (service, role, release) (timestamp(queue_length))",
)
SECONDS = NamedMetric(
    "checkout_seconds",
    MetricKind.HISTOGRAM,
    query=f"sum {BY[:-1]}, le) (checkout_seconds_bucket)",
)
STABLE_LABELS = 'service="shop",role="stable"'
CANDIDATE_LABELS = 'service="shop",role="candidate",release="7"'


class Copies:
    """Two copies of the shop: what each says is lines of text."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = [[], []]
        self.targets = [Target(lambda n=n: "\n".join([*self.lines[n], ""])) for n in (0, 1)]

    def say(self, *copies: list[str]) -> float:
        """When it was said; each copy says it from now on."""
        self.lines = list(copies)
        return time.time()


@pytest.fixture(scope="module")
def copies() -> Iterator[Copies]:
    found = Copies()
    yield found
    for target in found.targets:
        target.close()


@pytest.fixture(scope="module")
def server(copies: Copies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    addresses = [target.address for target in copies.targets]
    found = PrometheusServer(tmp_path_factory.mktemp("prometheus"), {"shop": addresses})
    try:
        found.wait_for_targets(2)
        yield found
    finally:
        found.stop()


@pytest.fixture
def reader(server: PrometheusServer) -> NamedReader:
    return NamedReader(server.connect())


def read_afresh(server: PrometheusServer, metric: NamedMetric) -> NamedReadings:
    """By somebody who remembers nothing."""
    return NamedReader(server.connect()).read_named([metric], FLEET)


def read_until(
    reader: NamedReader, metric: NamedMetric, fits: Callable[[NamedReading], bool]
) -> list[NamedReading]:
    """All readings of the candidate, up to the first that fits."""
    found: list[NamedReading] = []

    def is_there() -> bool:
        of_candidate = reader.read_named([metric], FLEET).of.get(CANDIDATE, {})
        found.extend(of_candidate.values())
        return bool(of_candidate) and fits(found[-1])

    until(is_there)
    return found


def orders(failed: int | None, total: int, labels: str = CANDIDATE_LABELS) -> list[str]:
    lines = [f"orders_total{{{labels}}} {total}"]
    return lines if failed is None else [*lines, f"orders_failed_total{{{labels}}} {failed}"]


def test_a_ratio_is_added_up_over_copies_from_raw_counters(
    copies: Any, reader: Any, server: PrometheusServer
) -> None:
    said_at = copies.say([*orders(2, 50), *orders(0, 900, STABLE_LABELS)], orders(1, 40))
    readings = read_until(reader, ORDERS, lambda r: r.value == RatioReading(3, 90))
    assert readings[-1].at > said_at - 2
    fresh = read_afresh(server, ORDERS)
    assert fresh.of[STABLE]["orders_failed"].value == RatioReading(0, 900)
    assert fresh.of.keys() == {STABLE, CANDIDATE}
    assert fresh.problems == {}


def test_a_scrape_is_read_once(copies: Any, reader: Any) -> None:
    copies.say(orders(2, 50), orders(1, 40))
    give_up_at, times = time.monotonic() + 30, list[float]()
    while len(times) < 4 and time.monotonic() < give_up_at:
        found = reader.read_named([QUEUE, ORDERS], FLEET).of.get(CANDIDATE, {})
        times += [reading.at for reading in found.values()]
    assert len(times) == 4
    assert times == sorted(set(times))


def test_a_counter_not_yet_raised_is_zero_while_the_fleet_has_others(
    copies: Any, server: PrometheusServer
) -> None:
    copies.say([*orders(None, 50), *orders(4, 900, STABLE_LABELS)], [])

    until(lambda: RatioReading(0, 50) == _value_afresh(server))


def test_a_misspelt_numerator_is_a_problem_not_a_zero(copies: Any, reader: Any) -> None:
    copies.say(orders(2, 50), [])
    read_until(reader, ORDERS, lambda _: True)
    wrong = replace(ORDERS, numerator="sum by (service) (orders_faild_total)")
    found = reader.read_named([wrong], FLEET)
    assert found == NamedReadings(
        {}, {"orders_failed": "its numerator finds nothing, for no service at all"}
    )


def test_a_restarted_copy_takes_nothing_back(
    copies: Any, reader: Any, server: PrometheusServer
) -> None:
    copies.say(orders(2, 50), orders(1, 40))
    read_until(reader, ORDERS, lambda r: r.value == RatioReading(3, 90))
    copies.say(orders(0, 3), orders(1, 40))
    until(lambda: RatioReading(1, 43) == _value_afresh(server))
    reader.read_named([ORDERS], FLEET)
    copies.say(orders(1, 13), orders(1, 40))
    readings = read_until(reader, ORDERS, lambda r: r.value.denominator == 100)
    assert readings[-1].value == RatioReading(4, 100)
    assert {r.value for r in readings[:-1]} <= {RatioReading(3, 90)}


def _value_afresh(server: PrometheusServer) -> object:
    readings = read_afresh(server, ORDERS).of.get(CANDIDATE, {})
    return next((reading.value for reading in readings.values()), None)


def test_gauges_and_histograms(copies: Any, reader: Any) -> None:
    buckets = [("0.5", 2), ("1", 5), ("+Inf", 6)]
    lines = [
        f'checkout_seconds_bucket{{{CANDIDATE_LABELS},le="{le}"}} {count}' for le, count in buckets
    ]
    copies.say([*lines, f"queue_length{{{CANDIDATE_LABELS}}} 12.5"], lines)
    read_until(reader, QUEUE, lambda r: r.value == GaugeReading(12.5))
    histogram = HistogramReading((0.5, 1.0), (4, 6, 2))
    read_until(reader, SECONDS, lambda r: r.value == histogram)


def test_a_gauge_that_is_no_number_or_many_is_a_problem(copies: Any, reader: Any) -> None:
    copies.say([f"queue_length{{{CANDIDATE_LABELS}}} NaN"], [])
    until(lambda: "no number" in reader.read_named([QUEUE], FLEET).problems.get("queue", ""))
    copies.say(*[[f"queue_length{{{CANDIDATE_LABELS}}} {n}"] for n in (1, 2)])
    many = replace(QUEUE, query="queue_length", scraped="")
    until(lambda: "2 rows" in reader.read_named([many], FLEET).problems.get("queue", ""))


def test_one_metric_that_is_refused_spoils_no_other(copies: Any, reader: Any) -> None:
    copies.say([f"queue_length{{{CANDIDATE_LABELS}}} 3"], [])
    read_until(reader, QUEUE, lambda r: r.value == GaugeReading(3))
    wrong = NamedMetric("wrong", MetricKind.GAUGE, query="queue_length{")
    scalar = NamedMetric("scalar", MetricKind.GAUGE, query="1 + 1")
    timeless = replace(QUEUE, scraped="")
    found = reader.read_named([wrong, scalar, timeless], FLEET)
    assert found.of[CANDIDATE]["queue"].value == GaugeReading(3)
    assert found.problems.keys() == {"wrong", "scalar"}
    assert "parse error" in found.problems["wrong"]


def test_a_prometheus_that_is_away_is_unreachable() -> None:
    away = NamedReader(Prometheus(PrometheusAccess("http://127.0.0.1:1")))
    with pytest.raises(Unreachable, match="does not answer"):
        away.read_named([QUEUE, ORDERS], FLEET)
    assert away.read_named([], FLEET) == NamedReadings({}, {})


def test_a_metric_of_one_service_is_not_anothers(copies: Any, reader: Any) -> None:
    copies.say([f"queue_length{{{CANDIDATE_LABELS}}} 3"], [])
    read_until(reader, QUEUE, lambda r: r.value == GaugeReading(3))
    of_another = replace(QUEUE, service="cart", scraped="")
    assert reader.read_named([of_another], FLEET).of == {}
