"""The pure part of named metrics: what a catalog may ask for, and what rows make of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.errors import BadInput
from davylamp.judge.named_metrics import GaugeReading, HistogramReading, MetricKind, RatioReading
from davylamp.signals.prometheus_growth import Growth
from davylamp.signals.prometheus_metrics import BuildLabels, NamedMetric
from davylamp.signals.prometheus_query import Row
from davylamp.signals.prometheus_reading import metric_query, read_at, value_of, values_of

ORDERS = NamedMetric(
    "orders_failed",
    MetricKind.COUNTER_RATIO,
    numerator="sum by (build, instance) (failed_total)",
    denominator="sum by (build, instance) (orders_total)",
)
QUEUE = NamedMetric("queue", MetricKind.GAUGE, query="max by (build) (queue_length)")
NAN, INF = float("nan"), float("inf")


def row(value: float, part: str = "value", **labels: str) -> Row:
    return Row({"davylamp_part": part, "build": "a_stable"} | labels, 50.0, value)


def ratio(growth: Growth) -> Any:
    return value_of(MetricKind.COUNTER_RATIO, [], growth)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": MetricKind.COUNTER_RATIO, "numerator": "a"},
        {"kind": MetricKind.COUNTER_RATIO, "query": "a"},
        {"kind": MetricKind.GAUGE},
        {"kind": MetricKind.GAUGE, "query": "a", "denominator": "b"},
        {"kind": MetricKind.HISTOGRAM, "numerator": "a", "denominator": "b"},
        {"kind": MetricKind.GAUGE, "query": "a", "margin": 0.9},
        {"kind": MetricKind.GAUGE, "query": "a", "margin": NAN},
        {"kind": MetricKind.GAUGE, "query": "a", "weight": 0.0},
    ],
)
def test_a_metric_that_cannot_be_meant_is_bad_input(wrong: Any) -> None:
    with pytest.raises(BadInput, match="metric x: "):
        NamedMetric("x", **wrong)


def test_all_parts_of_a_metric_are_one_query() -> None:
    text = metric_query(ORDERS).text
    assert text.count("label_replace(") == 2
    assert " or " in text


def test_a_comment_at_the_end_of_a_query_swallows_nothing() -> None:
    metric = NamedMetric("q", MetricKind.GAUGE, query="queue_length # per build")
    assert '# per build\n, "davylamp_part", "value"' in metric_query(metric).text


@pytest.mark.parametrize(
    ("labels", "build"),
    [
        ({"envoy_cluster_name": "a_candidate_7"}, "a_candidate_7"),
        ({"service": "a", "role": "candidate", "release": "7"}, "a_candidate_7"),
        ({"service": "a", "role": "stable"}, "a_stable"),
        ({"service": "a", "role": "stable", "release": "7"}, "a_stable"),
        ({"service": "a", "role": "candidate"}, "a_candidate_"),
        ({"service": "a"}, ""),
        ({}, ""),
    ],
)
def test_a_row_says_whose_it_is(labels: dict[str, str], build: str) -> None:
    assert BuildLabels().build_of(Row(labels, 0.0, 1.0)) == build


def test_labels_may_have_other_names() -> None:
    labels = BuildLabels(build="version", service="app", role="part", release="id")
    assert labels.build_of(Row({"version": "a_stable"}, 0.0, 1.0)) == "a_stable"
    by_three = Row({"app": "a", "part": "baseline", "id": "7"}, 0.0, 1.0)
    assert labels.build_of(by_three) == "a_baseline_7"


def test_counters_of_several_copies_are_added_up() -> None:
    rows = [row(n, part, instance=i) for part, n in PARTS for i in ("1", "2")]
    assert ratio(Growth().then(rows)) == RatioReading(4, 100)


PARTS = (("numerator", 2.0), ("denominator", 50.0))


def test_a_counter_nothing_has_raised_yet_is_zero_where_there_are_orders() -> None:
    assert ratio(Growth().then([row(50, "denominator")])) == RatioReading(0, 50)


def test_without_a_denominator_nothing_is_known() -> None:
    assert ratio(Growth().then([row(5, "numerator")])) is None


def test_a_copy_that_vanished_stays_counted() -> None:
    both = Growth().then([row(50, "denominator", instance=i) for i in ("1", "2")])
    assert ratio(both.then([row(60, "denominator", instance="1")])) == RatioReading(0, 110)


def test_a_copy_that_was_started_anew_costs_a_tick_and_takes_nothing_back() -> None:
    begun = Growth().then([row(50, "denominator", instance=i) for i in ("1", "2")])
    fell = begun.then([row(3, "denominator", instance="1"), row(55, "denominator", instance="2")])
    assert ratio(fell) is None
    later = fell.then([row(9, "denominator", instance="1"), row(56, "denominator", instance="2")])
    assert ratio(later) == RatioReading(0, 50 + 6 + 56)


@given(st.lists(st.tuples(st.integers(0, 99), st.booleans()), min_size=1, max_size=20))
def test_totals_never_fall_nor_lie_below_what_is_counted_now(steps: list[Any]) -> None:
    growth, total, value = Growth(), 0.0, 0
    for by, is_restarted in steps:
        value = by if is_restarted else value + by
        growth = growth.then([row(value, "denominator")])
        now = growth.total("davylamp_part", "denominator")
        assert now is not None
        assert now >= max(total, value)
        total = now


def test_a_gauge_is_one_row() -> None:
    assert value_of(MetricKind.GAUGE, [row(7)], Growth()) == GaugeReading(7)
    with pytest.raises(ValueError, match="2 rows for one build"):
        value_of(MetricKind.GAUGE, [row(7), row(8, instance="2")], Growth())


def buckets(*counts: tuple[str, float], instance: str = "1") -> list[Row]:
    return [row(n, le=le, instance=instance) for le, n in counts]


def test_cumulative_buckets_become_disjoint_whatever_their_edges_look_like() -> None:
    rows = buckets(("+Inf", 9), ("0.5", 2), ("1.0", 5))
    rows += buckets(("1", 1), ("0.50", 1), ("+Inf", 1), instance="2")
    found = value_of(MetricKind.HISTOGRAM, rows, Growth().then(rows))
    assert found == HistogramReading((0.5, 1.0), (3, 3, 4))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "keep `le`"),
        (buckets(("1", 2)), "keep `le`"),
        ([row(3)], "keep `le`"),
        (buckets(("1", 2), ("+Inf", 1)), "fewer"),
        (buckets(("1", 2), ("+Inf", 2)) + buckets(("2", 1), ("+Inf", 3), instance="2"), "differ"),
    ],
)
def test_rows_that_are_no_histogram_are_refused(rows: list[Row], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        value_of(MetricKind.HISTOGRAM, rows, Growth().then(rows))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_figure_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        values_of([row(value)])


def test_the_time_is_the_scrapes_where_the_metric_says_it() -> None:
    assert read_at(QUEUE, [row(7)]) == 50.0
    timed = NamedMetric("q", MetricKind.GAUGE, query="a", scraped="timestamp(a)")
    rows = [row(7), row(48.5, "scraped", instance="1"), row(48.9, "scraped", instance="2")]
    assert read_at(timed, rows) == 48.5
    assert read_at(timed, [row(7)]) is None
    assert values_of(rows) == [row(7)]
