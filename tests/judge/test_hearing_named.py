"""Named metrics in a hearing: they join the evidence, the words, and what forbids promoting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from davylamp.judge.hearing import Hearing
from davylamp.judge.named_metrics import Direction, MetricKind, NamedRule, NamedTick
from davylamp.judge.opinions import weigh
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Sample
from davylamp.judge.verdict import SEQUENTIAL, Outcome, Verdict
from tests.judge.made import Made, samples_of
from tests.judge.named_made import ratio_stream, ticks_of

SECONDS = 150
ORDERS = NamedRule("orders_failed", MetricKind.COUNTER_RATIO, critical=True)
UNCRITICAL = replace(ORDERS, critical=False)


def requests(**faults: Any) -> dict[Role, list[Sample]]:
    seeds = {Role.CANDIDATE: 1, Role.BASELINE: 2, Role.STABLE: 3}
    builds = {role: Made(rate=200, seconds=SECONDS) for role in Role}
    builds[Role.CANDIDATE] = Made(rate=200, seconds=SECONDS, **faults)
    return {role: samples_of(builds[role].series(seed), role) for role, seed in seeds.items()}


HEALTHY = requests()


def orders(candidate: float, baseline: float = 0.005) -> list[NamedTick]:
    rng = np.random.default_rng(1)
    rates = {Role.CANDIDATE: candidate, Role.BASELINE: baseline}
    return ticks_of(
        "orders_failed",
        {role: ratio_stream(rng, np.full(SECONDS, rate), 50) for role, rate in rates.items()},
    )


def heard(rule: NamedRule, named: Sequence[NamedTick], parts: int = 1, **faults: Any) -> Verdict:
    news = requests(**faults) if faults else HEALTHY
    hearing = Hearing(JudgePolicy(named=(rule,)))
    for part in range(parts):
        edges = [round(k * (SECONDS + 1) / parts) for k in (part, part + 1)]
        some = {role: found[edges[0] : edges[1]] for role, found in news.items()}
        until = max(found[-1].at for found in some.values())
        since = min(found[0].at for found in some.values()) - 1 if part else 0.0
        hearing.hear(some, [tick for tick in named if since < tick.at <= until])
    return hearing.verdict()


@pytest.mark.parametrize("rule", [ORDERS, UNCRITICAL])
def test_failing_orders_roll_back_a_build_whose_requests_are_fine(rule: NamedRule) -> None:
    verdict = heard(rule, orders(0.041))
    assert verdict.outcome is Outcome.ROLLBACK
    first = verdict.metrics[0]
    assert (first.name, first.classification) == ("orders_failed", "High")
    assert first.critical is rule.critical
    assert verdict.headline == first.reason
    assert verdict.headline.startswith("orders_failed: ")
    assert verdict.e_value is not None
    assert verdict.e_value >= 40


def test_fewer_orders_than_there_should_be_are_low() -> None:
    verdict = heard(replace(UNCRITICAL, direction=Direction.DOWN), orders(0.2, 0.5))
    assert (verdict.outcome, verdict.metrics[0].classification) == (Outcome.ROLLBACK, "Low")


def test_healthy_orders_are_promoted_with_the_requests() -> None:
    verdict = heard(ORDERS, orders(0.05, 0.05))
    assert verdict.outcome is Outcome.PROMOTE, verdict.missing
    assert "orders_failed" in {metric.name for metric in verdict.metrics}
    assert sum(metric.weight or 0.0 for metric in verdict.metrics) == pytest.approx(1.0)


def test_a_critical_metric_nobody_could_read_forbids_promoting_and_is_named() -> None:
    problem = [replace(orders(0.0)[-1], of={}, problems={"orders_failed": "parse error"})]
    for named, why in (([], "nothing was read of it yet"), (problem, "parse error")):
        verdict = heard(ORDERS, named)
        assert verdict.outcome is Outcome.CONTINUE
        assert verdict.vetoes == (f"orders_failed: not read ({why})",)
        assert set(verdict.vetoes) <= set(verdict.missing)
        without = heard(UNCRITICAL, named)
        assert without.outcome is Outcome.PROMOTE
        (metric,) = (m for m in without.metrics if m.name == "orders_failed")
        assert (metric.classification, metric.reason) == (
            "Nodata",
            f"orders_failed: not read ({why})",
        )


def test_no_fixed_window_promotes_over_a_critical_metric_that_was_not_read() -> None:
    window = Verdict(Outcome.PROMOTE, "no harm found", "score")
    policy = JudgePolicy(rule="score", named=(ORDERS,))
    verdict = weigh(heard(ORDERS, []), window, policy)
    assert verdict.outcome is Outcome.CONTINUE
    assert verdict.headline == "held back: orders_failed: not read (nothing was read of it yet)"
    assert "orders_failed" in {metric.name for metric in verdict.metrics}
    read = weigh(heard(ORDERS, orders(0.05, 0.05)), window, policy)
    assert (read.outcome, read.vetoes) == (Outcome.PROMOTE, ())


def test_harm_in_the_requests_is_still_told_by_them() -> None:
    verdict = heard(ORDERS, orders(0.05, 0.05), error_share=0.2)
    assert verdict.outcome is Outcome.ROLLBACK
    assert verdict.metrics[0].name == "error_rate"


@pytest.mark.parametrize("rate", [0.005, 0.041])
def test_a_release_that_is_picked_up_again_goes_on_where_it_was(rate: float) -> None:
    at_once = heard(ORDERS, orders(rate))
    assert heard(ORDERS, orders(rate), parts=SECONDS // 2) == at_once


def test_without_named_metrics_nothing_is_different() -> None:
    with_none = Hearing(JudgePolicy())
    with_none.hear(HEALTHY, orders(0.041))
    as_ever = Hearing(JudgePolicy())
    as_ever.hear(HEALTHY)
    assert with_none.verdict() == as_ever.verdict()
    assert as_ever.verdict().judge == SEQUENTIAL
