"""The forecast as a table: what is assumed beside what the ledger says."""

from __future__ import annotations

from davylamp.forecast.forecast import Forecast
from davylamp.report.fleet_story import Outlook
from davylamp.report.words import UNKNOWN


def outlook_rows(outlook: Outlook) -> list[tuple[str, str, str]]:
    past = outlook.past.document()
    low, high = past["catch_rate_low"], past["catch_rate_high"]
    exposed = past["seconds_exposed"]
    one, own = outlook.assumed, outlook.own
    a, b = one.assumptions, own.assumptions
    harm = harmed_by_canary(one), harmed_by_canary(own)
    return [
        ("deploys a day", f"{a.deploys_per_day:,.4g}", f"{b.deploys_per_day:,.4g}"),
        ("bad", f"{a.p_bad:.3%}", f"{b.p_bad:.3%} ({past['bad']:,} of {past['deploys']:,})"),
        ("caught", f"{a.catch_rate:.1%}", f"{b.catch_rate:.1%} ({low:.1%} to {high:.1%})"),
        ("users exposed", f"{a.fraction:.1%}", f"{b.fraction:.1%}"),
        (
            "seconds exposed",
            f"{a.detection_seconds:,.0f}",
            f"{b.detection_seconds:,.0f}" if exposed is not None else "not known yet",
        ),
        ("a year, to everybody at once", f"{a.bad_per_year:,.4g}", f"{b.bad_per_year:,.4g}"),
        ("a year, missed by the canary", f"{a.missed_per_year:,.4g}", f"{b.missed_per_year:,.4g}"),
        ("harmed user-minutes a year", f"{harm[0]:,.0f}", f"{harm[1]:,.0f}"),
        ("requests harmed", UNKNOWN, f"{past['harmed_requests']:,} in {past['days']:.3g} days"),
    ]


def harmed_by_canary(forecast: Forecast) -> float:
    """Expected harmed user-minutes a year."""
    return next(one.expected for one in forecast.harm if one.strategy == "canary")
