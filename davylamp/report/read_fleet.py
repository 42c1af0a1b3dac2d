"""Reading the fleet's story from the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from sqlalchemy import Connection

from davylamp.forecast.assumptions import Assumptions, WrongAssumption
from davylamp.forecast.forecast import make_forecast
from davylamp.ledger import audits, inventory, releases
from davylamp.ledger.instance import InstanceState
from davylamp.ledger.session import Ledger
from davylamp.report.days import by_day
from davylamp.report.dora import dora_by_service, dora_of
from davylamp.report.ended_releases import read_window
from davylamp.report.fleet_story import FleetStory, Outlook, ServiceNow
from davylamp.report.own_figures import own_forecast
from davylamp.report.page import Picture
from davylamp.report.plots.days import draw_days
from davylamp.report.plots.forecast_years import draw_forecast

_AUDITS = 10
_YEARS = 500
"""Enough for quantiles a person reads."""


def read_fleet(ledger: Ledger, days: float = 30.0) -> FleetStory:
    """What runs, what is wrong, and how the releases of the last `days` went. Raises
    `Unreachable`."""
    with ledger.begin() as db:
        window = read_window(db, days)
        services = _services(db)
        findings = audits.open_findings(db)
        looks = audits.last_looks(db, _AUDITS)
    outlook, no_outlook = read_outlook(ledger, days)
    story = FleetStory(
        told_at=window.until,
        window=window,
        services=services,
        findings=sorted(findings, key=lambda one: (one.severity != "critical", one.key)),
        looks=looks,
        dora=dora_of(window.releases, window.days),
        by_service=dora_by_service(window.releases, window.days),
        days=by_day(window.releases, window.since, window.until),
        outlook=outlook,
        no_outlook=no_outlook,
    )
    return replace(story, pictures=_pictures(story))


def read_outlook(ledger: Ledger, days: float, years: int = _YEARS) -> tuple[Outlook | None, str]:
    """The forecast with the fleet's own figures; or why there is none."""
    assumed = make_forecast(Assumptions(), years=years)
    try:
        past, own = own_forecast(ledger, assumed, days, years)
    except WrongAssumption as error:
        return None, f"{error.field.replace('_', ' ')} {error}"
    return Outlook(past, assumed, own), ""


def _services(db: Connection) -> list[ServiceNow]:
    live = inventory.live_services(db)
    active = {one.service: one for one in releases.active_releases(db)}
    copies = inventory.instances_of(db)
    there = Counter(one.service for one in copies)
    ready = Counter(one.service for one in copies if one.state is InstanceState.READY)
    return [
        ServiceNow(live.get(name, inventory.Live(name)), ready[name], there[name], active.get(name))
        for name in sorted(live.keys() | active.keys())
    ]


def _pictures(story: FleetStory) -> list[Picture]:
    png = draw_days(story.days)
    if not png:
        return []
    ended = len(story.window.releases)
    alt = f"Bars of {ended:,} releases by the day they ended on, coloured by outcome"
    return [Picture("Releases a day by how they ended.", alt, png, 600)]


def forecast_picture(outlook: Outlook) -> Picture:
    own = outlook.own
    alt = (
        f"Harmed user-minutes a year by strategy, with the fleet's own figures: "
        f"{own.assumptions.missed_per_year:.3g} bad deploys a year reach everybody in spite of "
        "the canary; and how much each of some changes would save"
    )
    return Picture("The forecast, with the fleet's own figures.", alt, draw_forecast(own, 100), 900)
