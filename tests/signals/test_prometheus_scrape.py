"""The pure part of reading Prometheus: its query, and rows that become counters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role
from davylamp.signals import prometheus_promql as promql
from davylamp.signals.envoy_counters import PLAIN, Attempts, Counters
from davylamp.signals.prometheus_promql import counters_query
from davylamp.signals.prometheus_query import Row
from davylamp.signals.prometheus_scrape import ScrapedTwice, disjoint, scrapes_of
from davylamp.signals.protocol import Watched

COUNT = st.integers(0, 10**9)
BUCKETS = len(LATENCY_BOUNDS_MS) + 1
COUNTERS = st.builds(
    Counters,
    st.fixed_dictionaries(dict.fromkeys((*PLAIN, "none_healthy"), COUNT)),
    st.dictionaries(
        st.sampled_from(["127.0.0.1:80", "[::1]:443"]), st.builds(Attempts, COUNT, COUNT, COUNT)
    ),
    st.lists(COUNT, min_size=BUCKETS, max_size=BUCKETS).map(tuple),
)
CLUSTERS = st.dictionaries(st.sampled_from(["a_stable", "a_candidate_7", "b_stable"]), COUNTERS)
INF = float("inf")


def row(name: str, value: float, cluster: str = "a_stable", **labels: str) -> Row:
    found = {"__name__": name, "instance": "envoy:1", promql.CLUSTER: cluster} | labels
    return Row(found, 2000.0, value)


def rows_of(cluster: str, counters: Counters, at: float = 1000.0) -> list[Row]:
    """As Prometheus answers."""
    found = [row(promql.SCRAPED_AT, at, cluster, job="envoy")]
    for name, value in counters.plain.items():
        if name.endswith("xx"):
            found.append(row(promql.BY_CLASS, value, cluster, envoy_response_code_class=name[0]))
        elif name == "none_healthy":
            found.append(row(promql.NONE_HEALTHY, value, cluster))
        else:
            found.append(row(promql.PREFIX_PLAIN + name, value, cluster))
    for address, seen in counters.endpoints.items():
        for name, value in vars(seen).items():
            whole = promql.PREFIX_ENDPOINT + name
            found.append(row(whole, value, cluster, envoy_endpoint_address=address))
    upto = 0
    for edge, count in zip([*LATENCY_BOUNDS_MS, INF], counters.latency, strict=True):
        upto += count
        found.append(row(promql.BUCKET, upto, cluster, le="+Inf" if edge == INF else f"{edge:g}"))
    return found


@given(CLUSTERS, st.randoms())
def test_rows_become_the_counters_they_came_from(clusters, random) -> None:
    rows = [r for name, counters in clusters.items() for r in rows_of(name, counters)]
    random.shuffle(rows)
    found = scrapes_of(rows)
    assert {i: dict(s.clusters) for i, s in found.items()} == (
        {"envoy:1": clusters} if clusters else {}
    )
    assert all(scrape.at == 1000.0 for scrape in found.values())


def test_series_that_do_not_exist_yet_count_zero() -> None:
    rows = [row(promql.SCRAPED_AT, 1000), row(promql.PREFIX_PLAIN + "total", 3)]
    assert scrapes_of(rows)["envoy:1"].clusters == {"a_stable": Counters({"total": 3})}


def test_several_envoys_stay_apart() -> None:
    of_both = [
        row(name, value, instance=instance)
        for instance, at in (("envoy:1", 1000.0), ("envoy:2", 1000.4))
        for name, value in ((promql.SCRAPED_AT, at), (promql.UPTIME, at - 900))
    ]
    found = scrapes_of(of_both)
    assert {i: (s.at, s.uptime_seconds) for i, s in found.items()} == {
        "envoy:1": (1000.0, 100.0),
        "envoy:2": (1000.4, pytest.approx(100.4)),
    }


def test_an_envoy_scraped_by_two_jobs_is_refused() -> None:
    twice = [row(promql.SCRAPED_AT, 1000, job="a"), row(promql.SCRAPED_AT, 1000.5, job="b")]
    with pytest.raises(ScrapedTwice, match="envoy:1"):
        scrapes_of(twice)


def test_a_cluster_missing_from_the_newest_scrape_is_gone() -> None:
    rows = rows_of("a_stable", Counters(), at=1000) + rows_of("old_stable", Counters(), at=900)
    assert scrapes_of(rows)["envoy:1"].clusters.keys() == {"a_stable"}


def test_counters_whose_scrape_has_no_time_are_not_read() -> None:
    assert scrapes_of([row(promql.PREFIX_ENDPOINT + "error", 3)]) == {}


@pytest.mark.parametrize("value", [float("nan"), INF, -1.0])
@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (promql.PREFIX_PLAIN + "total", {}),
        (promql.PREFIX_ENDPOINT + "error", {promql.ENDPOINT: "a:1"}),
        (promql.BY_CLASS, {promql.CLASS: "5"}),
        (promql.BUCKET, {"le": "+Inf"}),
    ],
)
def test_a_figure_that_is_no_count_makes_its_cluster_unreadable(value, name, labels) -> None:
    rows = [
        row(promql.SCRAPED_AT, 1000),
        row(name, value, **labels),
        row(promql.SCRAPED_AT, 1000, "b_stable"),
    ]
    scrape = scrapes_of(rows)["envoy:1"]
    assert (scrape.unreadable, scrape.clusters.keys()) == ({"a_stable"}, {"b_stable"})


@pytest.mark.parametrize(
    "le", ["1", "1.0", "1.000000000000000000000001", "1e0", "0.99999999999999988897769753748"]
)
def test_an_edge_is_a_number_however_it_is_written(le: str) -> None:
    rows = [
        row(promql.SCRAPED_AT, 1000),
        row(promql.BUCKET, 2, le=le),
        row(promql.BUCKET, 5, le="+Inf"),
    ]
    latency = scrapes_of(rows)["envoy:1"].clusters["a_stable"].latency
    assert (latency[LATENCY_BOUNDS_MS.index(1.0)], latency[-1], sum(latency)) == (2, 3, 5)


def test_coarse_buckets_make_requests_slower_never_faster() -> None:
    latency = disjoint({5.0: 1, 10.0: 3, 3_600_000.0: 4, INF: 4})
    edges = [*LATENCY_BOUNDS_MS, INF]
    first_above_10 = next(edge for edge in edges if edge >= 10)
    found = {edges[i]: n for i, n in enumerate(latency) if n}
    assert found == {5.0: 1, first_above_10: 2, INF: 1}


@pytest.mark.parametrize("cumulative", [{1.0: 2, INF: 1}, {1.0: 2}, {float("nan"): 1, INF: 1}])
def test_buckets_that_do_not_add_up_are_no_histogram(cumulative) -> None:
    with pytest.raises(ValueError, match="bucket"):
        disjoint(cumulative)


def test_without_a_histogram_there_are_no_latencies() -> None:
    assert disjoint({}) == (0,) * BUCKETS


def test_one_query_names_every_watched_build_and_no_other() -> None:
    watched = [Watched(s, role, 7) for s in ("check-out", "cart") for role in Role]
    (names,) = set(re.findall(r'envoy_cluster_name=~"([^"]+)"', counters_query(watched).text))
    assert set(names.split("|")) == {
        *("cart_stable", "cart_baseline_7", "cart_candidate_7"),
        *("check-out_stable", "check-out_baseline_7", "check-out_candidate_7"),
    }


def test_builds_too_many_to_name_are_matched_by_pattern() -> None:
    watched = [Watched(f"service-{n}", role, 7) for n in range(1000) for role in Role]
    text = counters_query(watched).text
    (pattern,) = set(re.findall(r'envoy_cluster_name=~"([^"]+)"', text))
    pattern = pattern.replace("\\\\", "\\")
    assert len(text) < 5000
    assert re.fullmatch(pattern, "service-1_candidate_7")
    assert not re.fullmatch(pattern, "service-1_candidate_7_testers")


def test_a_selector_narrows_everything_down() -> None:
    text = counters_query([Watched("a", Role.STABLE, 1)], 'job="envoy"').text
    assert text.count('job="envoy"') == 4
