"""The pure part of reading Envoy: its document, the filter, and sums that only grow."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role
from davylamp.signals.envoy_counters import CLASSES, PLAIN, Attempts, Counters, parse_stats
from davylamp.signals.envoy_memory import Memory, remember
from davylamp.signals.envoy_stats import cluster_name, sample_of, stats_filter
from davylamp.signals.protocol import Watched
from davylamp.traffic.envoy import names

COUNT = st.integers(0, 10**9)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
ADDRESSES = st.sampled_from(["127.0.0.1_80", "10.0.0.2_8080", "[fe80::1]_80", "[::1]_443"])
ATTEMPTS = st.builds(Attempts, COUNT, COUNT, COUNT)
BUCKETS = st.lists(COUNT, min_size=len(LATENCY_BOUNDS_MS) + 1, max_size=len(LATENCY_BOUNDS_MS) + 1)
COUNTERS = st.builds(
    Counters,
    st.fixed_dictionaries(dict.fromkeys((*PLAIN, "none_healthy"), COUNT)),
    st.dictionaries(ADDRESSES, ATTEMPTS),
    BUCKETS.map(tuple),
)
SIDES = st.builds(Watched, NAMES, st.sampled_from(Role), st.integers(1, 10**6))


def document_of(clusters: dict[str, Counters]) -> dict[str, Any]:
    """As Envoy writes it."""
    stats: list[dict[str, Any]] = [{"name": "server.uptime", "value": 3}]
    histograms: list[dict[str, Any]] = []
    for cluster, counters in clusters.items():
        for name, value in counters.plain.items():
            whole = "cx_none_healthy" if name == "none_healthy" else f"rq_{name}"
            stats.append({"name": f"cluster.{cluster}.upstream_{whole}", "value": value})
        for address, seen in counters.endpoints.items():
            for name, value in vars(seen).items():
                whole = f"cluster.{cluster}.endpoint.{address}.rq_{name}"
                stats.append({"name": whole, "value": value})
        edges = [*LATENCY_BOUNDS_MS, 3_600_000.0]
        buckets = [
            {"upper_bound": edge, "interval": 0, "cumulative": count}
            for edge, count in zip(edges, counters.latency, strict=True)
        ]
        whole = f"cluster.{cluster}.upstream_rq_time"
        histograms.append({"name": whole, "buckets": buckets})
    return {"stats": [*stats, {"histograms": histograms}]}


@given(st.dictionaries(NAMES.map(lambda n: f"{n}_stable"), COUNTERS, max_size=4))
def test_what_envoy_writes_is_what_is_read(clusters: dict[str, Counters]) -> None:
    assert parse_stats(document_of(clusters)) == clusters


@given(st.dictionaries(st.floats(0.001, 10**7), COUNT))
def test_no_answer_is_lost_when_envoys_buckets_are_not_ours(found: dict[float, int]) -> None:
    buckets = [{"upper_bound": edge, "cumulative": count} for edge, count in found.items()]
    name = "cluster.a_stable.upstream_rq_time"
    total = {"name": "cluster.a_stable.upstream_rq_total", "value": 1}
    document = {"stats": [total, {"histograms": [{"name": name, "buckets": buckets}]}]}
    assert sum(parse_stats(document)["a_stable"].latency) == sum(found.values())


def test_a_cluster_without_answers_yet_has_an_empty_histogram() -> None:
    document = {"stats": [{"name": "cluster.a_stable.upstream_rq_total", "value": 0}]}
    assert parse_stats(document)["a_stable"] == Counters({"total": 0})


@given(SIDES)
def test_clusters_are_called_what_the_router_calls_them(side: Watched) -> None:
    assert cluster_name(side) == names.cluster_name(side.service, side.role, side.release_id)


@given(st.lists(SIDES, min_size=1, max_size=20), SIDES)
def test_the_filter_asks_for_watched_clusters_only(watched: list[Watched], other: Watched) -> None:
    pattern = re.compile(stats_filter(watched))
    for side in watched:
        name = f"cluster.{cluster_name(side)}"
        for statistic in ("upstream_rq_total", "upstream_rq_time", "upstream_cx_none_healthy"):
            assert pattern.search(f"{name}.{statistic}")
        assert pattern.search(f"{name}.endpoint.127.0.0.1_80.rq_error")
        assert not pattern.search(f"{name}.external.upstream_rq_time")
        assert not pattern.search(f"x.{name}.upstream_rq_total")
    names = {cluster_name(side) for side in watched}
    found = pattern.search(f"cluster.{cluster_name(other)}.upstream_rq_total")
    assert bool(found) == (cluster_name(other) in names)


def test_a_filter_too_long_for_envoy_becomes_one_for_all_our_clusters() -> None:
    watched = [Watched(f"s{n:041d}", role, n) for n in range(3000) for role in Role]
    pattern = stats_filter(watched)
    assert len(pattern) < 1000
    assert all(
        re.search(pattern, f"cluster.{cluster_name(s)}.upstream_rq_2xx") for s in watched[:9]
    )
    assert not re.search(pattern, "cluster.davylamp_rtds.upstream_rq_2xx")


@given(st.lists(st.dictionaries(ADDRESSES, ATTEMPTS, max_size=3), max_size=12))
def test_attempts_only_grow_while_endpoints_come_and_go(
    readings: list[dict[str, Attempts]],
) -> None:
    memory = Memory()
    for endpoints in readings:
        before = memory.attempts
        memory = remember(memory, Counters(endpoints=endpoints))
        assert not memory.attempts.went_back(before)


def test_an_endpoint_that_left_and_came_back_counts_twice() -> None:
    memory = Memory()
    for endpoints in ({"a": Attempts(5, 5, 0)}, {}, {"a": Attempts(2, 1, 1)}):
        memory = remember(memory, Counters(endpoints=endpoints))
    assert memory.attempts == Attempts(7, 6, 1)


@given(COUNTERS)
def test_a_cluster_that_counts_from_zero_again_is_forgotten(counters: Counters) -> None:
    memory = remember(Memory(), Counters({"total": 10**9 + 1}, {"gone": Attempts(9, 9, 9)}))
    assert remember(memory, counters) == Memory(last=counters)


@given(st.lists(st.lists(COUNT, min_size=5, max_size=5), max_size=6))
def test_answers_only_grow_though_a_changed_cluster_counts_them_anew(
    readings: list[list[int]],
) -> None:
    memory = Memory()
    for answers in readings:
        before = memory.answers
        memory = remember(memory, Counters(dict(zip(CLASSES, answers, strict=True))))
        assert all(now >= then for now, then in zip(memory.answers, before, strict=True))


@given(COUNTERS)
def test_never_more_attempts_end_than_begin(counters: Counters) -> None:
    side = Watched("a", Role.STABLE, 1)
    sample = sample_of(side, 1.0, remember(Memory(), counters))
    assert sample.started >= sample.succeeded + sample.failed
