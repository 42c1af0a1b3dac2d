"""Made-up releases and fleets to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from davylamp.forecast.assumptions import Assumptions
from davylamp.forecast.forecast import make_forecast
from davylamp.judge.verdict import SEQUENTIAL, MetricVerdict, Outcome, Verdict
from davylamp.ledger.audits import Held, Look
from davylamp.ledger.builds import Build
from davylamp.ledger.inventory import Live
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Event, Release
from davylamp.ledger.schema import SchemaEvent
from davylamp.report.days import by_day
from davylamp.report.dora import dora_by_service, dora_of
from davylamp.report.ended_releases import EndedRelease, Window
from davylamp.report.fleet_story import FleetStory, Outlook, ServiceNow
from davylamp.report.own_figures import Past
from davylamp.report.own_figures import PastRelease as Shown
from davylamp.report.page import Picture
from davylamp.report.release_story import Cost, ReleaseStory
from davylamp.rollout.plan import Plan, PlanStep
from davylamp.rollout.reachability import Block, Obstacle, Reach

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = Plan((PlanStep(0.05, 0.05, 60, 50), PlanStep(0.2, 0.2, 60, 100)), 30, 300, 600)
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
ERRORS = MetricVerdict(
    name="error_rate",
    classification="High",
    reason="5.2 % failed",
    candidate=5.2,
    baseline=0.1,
    unit="%",
    lower=21.0,
    upper=140.0,
    effect_size=52.0,
    e_value=12_345.0,
    safe_e_value=1e-9,
    weight=0.5,
    margin=1.25,
    candidate_count=1204,
    baseline_count=1187,
)
LATENCY = MetricVerdict(
    name="latency_p99",
    classification="Pass",
    reason="",
    candidate=120.0,
    baseline=118.0,
    unit="ms",
    lower=0.8,
    upper=1.3,
    effect_size=1.02,
    e_value=0.4,
    safe_e_value=3.1,
    weight=0.2,
    margin=1.5,
    candidate_count=1204,
    baseline_count=1187,
)
NOTHING = MetricVerdict("cpu_per_request", "Nodata", "no reading of it", weight=0.03, unit="ms")


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def event(number: int, seconds: float, kind: str, message: str, **data: Any) -> Event:
    return Event(number, 12, at(seconds), kind, message, data)


def verdict(**values: Any) -> Verdict:
    usual: dict[str, Any] = {
        "outcome": Outcome.ROLLBACK,
        "headline": "5.2 % of 1,204 requests failed, of the baseline's 0.1 %",
        "judge": SEQUENTIAL,
        "metrics": (ERRORS, LATENCY, NOTHING),
        "missing": ("CPU: no copy says how much it used",),
        "other_opinions": {"fail-ratio": "ROLLBACK"},
        "candidate_requests": 1204,
        "baseline_requests": 1187,
        "e_value": 6172.5,
    }
    return Verdict(**usual | values)


def release(**values: Any) -> Release:
    """Rolled back on its second step, 75 s after the first user."""
    usual: dict[str, Any] = {
        "id": 12,
        "service": "checkout",
        "image": "1.5.0",
        "state": ReleaseState.ROLLED_BACK,
        "reason": "5.2 % of 1,204 requests failed, of the baseline's 0.1 %",
        "plan": PLAN.document(),
        "entry": {},
        "step": 1,
        "seed": 1,
        "requested_by": "new_image sensor",
        "run_id": "5d0f0b1c-7a33",
        "created_at": at(0),
        "digest": NEW,
        "version": "1.5.0",
        "stable_digest": OLD,
        "traffic_at": at(10),
        "decided_at": at(85),
        "decided_end": "rolled_back",
        "ended_at": at(92),
        "figures": {"candidate_requests": 1204.0, "candidate_failed": 63.0},
    }
    return Release(**usual | values)


def events() -> list[Event]:
    return [
        event(1, 0, "opened", "new_image sensor asked for 1.5.0"),
        event(2, 4, "starting", "starting candidate and baseline", state="starting"),
        event(3, 10, "stepping", "5 % of the users", state="stepping", step=0),
        event(4, 10, "traffic", "users meet the candidate"),
        event(5, 72, "stepping", "20 % of the users", state="stepping", step=1),
        event(6, 85, "rolling_back", "5.2 % of 1,204 requests failed"),
        event(7, 91, "figures", "the candidate had 1204 requests, 63 failed"),
        event(8, 92, "rolled_back", "5.2 % of 1,204 requests failed"),
    ]


def build(version: str, digest: str, bad: str | None = None) -> Build:
    return Build("checkout", digest, version, {}, bad)


def story(**values: Any) -> ReleaseStory:
    usual: dict[str, Any] = {
        "release": release(),
        "told_at": at(95),
        "events": events(),
        "verdict": verdict(),
        "cost": Cost(1204, 63, 1187, 1, 21_340),
        "build": build("1.5.0", NEW, "5.2 % of 1,204 requests failed"),
        "stable_before": build("1.4.0", OLD),
        "schema": [
            SchemaEvent(1, "shop", "0007", at(2), "release 12", "expand_done", "applied: 0007", {})
        ],
        "back": [
            Reach("1.3.0", OLD),
            Reach("1.2.0", NEW, (Block(Obstacle.NO_RETURN, "revision 0005 took what it needs"),)),
        ],
        "no_pictures": "its samples are gone",
    }
    return ReleaseStory(**usual | values)


def ended(number: int, state: ReleaseState, day: float, **values: Any) -> EndedRelease:
    """One of `checkout` that users met, decided after 60 s, ended after 70 s."""
    began = BEGAN + timedelta(days=day)
    usual: dict[str, Any] = {
        "id": number,
        "service": "checkout",
        "state": state,
        "created_at": began,
        "traffic_at": began + timedelta(seconds=10),
        "decided_at": began + timedelta(seconds=60),
        "ended_at": began + timedelta(seconds=70),
        "first_seen_at": began + timedelta(seconds=1),
        "is_first_of_build": True,
    }
    return EndedRelease(**usual | values)


def outlook() -> Outlook:
    shown = [Shown(n % 10 == 0, n % 20 == 0, 0.05, 40.0, 12) for n in range(60)]
    past = Past(6.0, shown)
    own = Assumptions(10, 0.1, past.catch().rate, 0.05)
    return Outlook(past, make_forecast(Assumptions(), years=20), make_forecast(own, years=20))


def fleet(
    releases: Sequence[EndedRelease] = (),
    services: Sequence[str] = ("checkout", "orders"),
    pictures: Sequence[Picture] = (),
    **values: Any,
) -> FleetStory:
    window = Window(BEGAN, BEGAN + timedelta(days=20), tuple(releases))
    detail = {"detail": "checkout-8 runs 1.4.0", "next": "drain checkout-8"}
    usual: dict[str, Any] = {
        "told_at": window.until,
        "window": window,
        "services": [
            ServiceNow(Live(name, OLD, "1.4.0", None, 1, BEGAN), 2, 2, None) for name in services
        ],
        "findings": [
            Held("stale_instance", "checkout", "checkout-8", "", "critical", detail, BEGAN)
        ],
        "looks": [
            Look(
                id=1,
                at=BEGAN,
                seconds=0.8,
                services=2,
                seen_instances=4,
                counts={"stale_instance": 1},
                unseen={"envoy": "no answer"},
            )
        ],
        "dora": dora_of(releases, window.days),
        "by_service": dora_by_service(releases, window.days),
        "days": by_day(releases, window.since, window.until),
        "outlook": outlook(),
        "pictures": pictures,
    }
    return FleetStory(**usual | values)
