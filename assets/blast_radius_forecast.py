"""`blast_radius_forecast`: what bad deploys cost in a year, by the fleet's own figures."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.picture import picture
from assets.table import table_of_rows
from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine

if TYPE_CHECKING:
    from davylamp.report.fleet_story import Outlook

_DAYS = 90.0
"""How far back to look, as `davylamp forecast --from-ledger` does."""
_YEARS = 2000


@dg.asset(
    group_name="fleet",
    kinds={"davylamp"},
    description=(
        "The arithmetic of blast radius with the figures of the fleet's own releases beside what "
        "is assumed: how many bad deploys a year reach everybody, what they cost users, and which "
        "change would save most. docs/forecast.md has the formulas."
    ),
)
def blast_radius_forecast(engine: dg.ResourceParam[Engine]) -> dg.MaterializeResult[Any]:
    from davylamp.report.read_fleet import read_outlook

    try:
        with engine.ledger() as ledger:
            outlook, why = read_outlook(ledger, _DAYS, _YEARS)
    except DavylampError as error:
        raise dg.Failure(f"the releases can't be read: {error}") from error
    if outlook is None:
        raise dg.Failure(f"no forecast can be made of the releases there were: {why}")
    return dg.MaterializeResult(metadata=metadata_of(outlook))


def metadata_of(outlook: "Outlook") -> dict[str, Any]:
    """The figures that matter, both forecasts as a table, the levers, and the plot."""
    from davylamp.report.forecast_words import harmed_by_canary, outlook_rows
    from davylamp.report.read_fleet import forecast_picture

    past, own = outlook.past.document(), outlook.own
    return {
        "bad a year": round(own.assumptions.bad_per_year, 1),
        "missed a year": round(own.assumptions.missed_per_year, 2),
        "harmed user-minutes a year": round(harmed_by_canary(own)),
        "catch rate": round(past["catch_rate"], 3),
        "catch rate at least": round(past["catch_rate_low"], 3),
        "deploys": past["deploys"],
        "bad deploys": past["bad"],
        "caught": past["caught"],
        "requests harmed": past["harmed_requests"],
        "days": round(past["days"], 1),
        "figures": table_of_rows(
            ("figure", "as assumed", "the fleet's own"), outlook_rows(outlook)
        ),
        "levers": _levers(outlook),
        **picture("forecast", forecast_picture(outlook).png),
    }


def _levers(outlook: "Outlook") -> dg.TableMetadataValue:
    rows = [
        (one.name, f"{one.saved:,.0f}", f"{one.saved_share:.1%}", one.change)
        for one in outlook.own.levers
    ]
    return table_of_rows(("change", "user-minutes saved a year", "of all", "how"), rows)
