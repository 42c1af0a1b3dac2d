"""The source on answers made by hand: one query, and no samples where the answer is no basis."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from davylamp.errors import Unreachable
from davylamp.judge.sample import Role
from davylamp.signals import prometheus_promql as promql
from davylamp.signals.prometheus import PrometheusSource
from davylamp.signals.prometheus_http import PrometheusAccess
from davylamp.signals.prometheus_query import Prometheus
from davylamp.signals.protocol import Watched
from tests.signals.prometheus_rig import speaking

STABLE = Watched("a", Role.STABLE, 7)


def row(name: str, value: float, **labels: str) -> dict[str, Any]:
    found = {"__name__": name, "instance": "e:1", promql.CLUSTER: "a_stable"} | labels
    return {"metric": found, "value": [time.time(), f"{value:.3f}"]}


def scraped(age_seconds: float, **labels: str) -> dict[str, Any]:
    return row(promql.SCRAPED_AT, time.time() - age_seconds, **labels)


def answer(*rows: Any) -> bytes:
    body = json.dumps({"status": "success", "data": {"result": rows}}).encode()
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def source_at(url: str) -> PrometheusSource:
    return PrometheusSource(Prometheus(PrometheusAccess(url, deadline_seconds=2)))


def test_nothing_watched_asks_nobody() -> None:
    assert source_at("http://127.0.0.1:1").read([]) == []


def test_a_whole_fleet_is_one_query() -> None:
    fleet = [Watched(f"service-{n}", role, 7) for n in range(500) for role in Role]
    at = time.time()
    rows: list[Any] = []
    for n in range(500):
        cluster = {promql.CLUSTER: f"service-{n}_stable"}
        rows += [row(promql.SCRAPED_AT, at, **cluster)]
        rows += [row(promql.PREFIX_ENDPOINT + "success", n, **cluster)]
    with speaking(answer(*rows)) as (url, asked):
        samples = source_at(url).read(fleet)
    assert len(asked) == 1
    assert [s.succeeded for s in samples] == list(range(500))


def test_an_envoy_that_stands_there_twice_is_refused_by_name() -> None:
    twice = answer(scraped(1, job="one"), scraped(1, job="two"))
    with speaking(twice) as (url, _), pytest.raises(Unreachable, match="e:1 more than once"):
        source_at(url).read([STABLE])


def test_nothing_of_envoys_is_unreachable_not_silence() -> None:
    with speaking(answer()) as (url, _), pytest.raises(Unreachable, match="such as a_stable"):
        source_at(url).read([STABLE])


@pytest.mark.parametrize("age_seconds", [600, -60])
def test_clocks_that_disagree_are_named(age_seconds: float) -> None:
    other = answer(scraped(age_seconds))
    with speaking(other) as (url, _), pytest.raises(Unreachable, match="clock"):
        source_at(url).read([STABLE])
