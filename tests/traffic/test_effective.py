"""Intent, lease and clock → weights: never more than was asked for, nothing without a lease."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from davylamp.judge.sample import Role
from davylamp.ledger.intent import RouteIntent, ServiceRoute
from davylamp.traffic.effective import effective

NOW = datetime(2026, 1, 1, tzinfo=UTC)
anything = st.floats(allow_nan=True, allow_infinity=True)
routes = st.builds(
    ServiceRoute,
    intent=st.builds(
        RouteIntent,
        service=st.just("checkout"),
        generation=st.integers(1, 9),
        fence=st.just(1),
        release_id=st.none() | st.integers(1, 99),
        candidate_share=anything | st.floats(0, 1),
        baseline_share=anything | st.floats(0, 1),
        lease_expires_at=st.none() | st.floats(-60, 60).map(lambda s: NOW + timedelta(seconds=s)),
    ),
    endpoints=st.dictionaries(st.sampled_from(list(Role)), st.just(("127.0.0.1:1",))),
)


@given(routes)
def test_shares_never_exceed_the_intent_nor_everybody(route):
    weights = effective(route, NOW, 5.0)
    for got, asked in (
        (weights.candidate, route.intent.candidate_share),
        (weights.baseline, route.intent.baseline_share),
    ):
        assert 0.0 <= got <= 1.0
        assert got == 0.0 or got <= asked
    assert weights.candidate + weights.baseline <= 1.0


@given(routes)
def test_without_a_running_lease_everything_is_stable(route):
    weights = effective(route, NOW, 5.0)
    until = route.intent.lease_expires_at
    if until is None or until <= NOW or route.intent.release_id is None:
        assert weights.all_stable
    if not weights.all_stable:
        assert 0 < weights.ttl_seconds <= min(5.0, (until - NOW).total_seconds())
        assert weights.release_id == route.intent.release_id


@given(routes)
def test_a_build_without_an_instance_gets_nobody(route):
    weights = effective(route, NOW, 5.0)
    assert weights.candidate == 0 or Role.CANDIDATE in route.endpoints
    assert weights.baseline == 0 or Role.BASELINE in route.endpoints
