"""A service's own metrics in its catalog entry: plain values, or errors with line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.catalog.load import check_catalog, load_catalog
from davylamp.judge.named_metrics import Direction, MetricKind, NamedRule
from tests.catalog.test_catalog_check import CART, folder_of, only_problem

ORDERS = """\
judge:
  metrics:
    - name: orders_failed
      kind: counter_ratio
      numerator: sum by (service, role, release) (orders_failed_total)
      denominator: sum by (service, role, release) (orders_total)
      margin: 1.5
      weight: 2
      critical: true
    - name: queue
      kind: gauge
      query: max by (build) (queue_length)
      labels: {build: build}
      direction: either
"""


def test_metrics_become_rules_of_the_judge(tmp_path: Path) -> None:
    service = load_catalog(folder_of(tmp_path, cart=CART + ORDERS)).service("cart")
    assert service.judge.policy().named == (
        NamedRule("orders_failed", MetricKind.COUNTER_RATIO, Direction.UP, 1.5, 2.0, True),
        NamedRule("queue", MetricKind.GAUGE, Direction.EITHER, 1.25, 1.0, False),
    )
    assert service.judge.metrics[1].labels.build == "build"
    assert service.judge.policy().sequential().alpha == 0.025


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "said"),
    [
        (
            "kind: gauge",
            "kind: guage",
            17,
            "judge.metrics[1].kind",
            "'counter_ratio', 'gauge' or 'histogram', found 'guage'",
        ),
        ("name: queue", "name: Queue", 16, "judge.metrics[1].name", "found 'Queue'"),
        ("name: queue", "name: error_rate", 16, "judge.metrics[1].name", "always judged"),
        ("name: queue", "name: orders_failed", 16, "judge.metrics[1].name", "said twice"),
        ("direction: either", "direction: left", 20, "judge.metrics[1].direction", "'left'"),
        ("margin: 1.5", "margin: 0.5", 13, "judge.metrics[0].margin", "found 0.5"),
        ("weight: 2", "weight: 0", 14, "judge.metrics[0].weight", "found 0"),
        ("critical: true", "critcal: true", 15, "judge.metrics[0].critcal", "'critical'?"),
        (
            "query: max by (build) (queue_length)",
            "numerator: queue_length",
            18,
            "judge.metrics[1].numerator",
            "doesn't belong to a gauge",
        ),
        ("{build: build}", "{build: a-b}", 19, "judge.metrics[1].labels.build", "found 'a-b'"),
    ],
)
def test_what_is_wrong_with_a_metric_is_said_with_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, field: str, said: str
) -> None:
    found = check_catalog(folder_of(tmp_path, cart=CART + ORDERS.replace(old, new)))
    assert [(p.line, p.field) for p in found if said in p.message] == [(line, field)], found


def test_a_part_that_is_missing_is_named_where_its_metric_stands(tmp_path: Path) -> None:
    without = "\n".join(line for line in ORDERS.splitlines() if "denominator" not in line)
    problem = only_problem(folder_of(tmp_path, cart=CART + without))
    assert (problem.line, problem.field) == (9, "judge.metrics[0].denominator")
    assert "a counter_ratio is made of numerator and denominator" in problem.message
