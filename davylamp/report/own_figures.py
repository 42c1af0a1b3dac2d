"""The fleet's own figures for the forecast, from the releases in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import Connection, select

from davylamp.forecast.assumptions import Assumptions
from davylamp.forecast.catch import CatchRate, catch_rate
from davylamp.forecast.forecast import Forecast, make_forecast
from davylamp.forecast.simulate import CatchBelief
from davylamp.ledger.models import BuildRow, ReleaseRow, ReleaseState
from davylamp.ledger.releases import database_now
from davylamp.ledger.session import Ledger

_BY_HAND = "rolled back by "
"""How the reason of a roll-back begins that a person asked for: the judge didn't catch that."""
_COLUMNS = (
    ReleaseRow.state,
    ReleaseRow.reason,
    ReleaseRow.plan,
    ReleaseRow.step,
    ReleaseRow.traffic_at,
    ReleaseRow.decided_at,
    ReleaseRow.ended_at,
    ReleaseRow.figures,
    BuildRow.known_bad_reason,
)
"""Not whole rows: a fleet has many, and each has its catalog entry in it."""
_REACHED_ALL = (ReleaseState.PROMOTED, ReleaseState.UNCONFIRMED)


@dataclass(frozen=True)
class PastRelease:
    """One release that users met."""

    is_bad: bool
    is_caught: bool
    """Taken back by itself, before everybody had it."""
    fraction: float | None = None
    """Share of users on it when that was decided."""
    seconds: float | None = None
    """From the first user to that decision."""
    harmed_requests: int = 0
    """Requests it failed, by the router's count."""


@dataclass(frozen=True)
class Past:
    """What the ledger tells of some days."""

    days: float
    releases: Sequence[PastRelease]

    @property
    def bad(self) -> list[PastRelease]:
        return [one for one in self.releases if one.is_bad]

    @property
    def caught(self) -> list[PastRelease]:
        return [one for one in self.bad if one.is_caught]

    def catch(self) -> CatchRate:
        return catch_rate(len(self.caught), len(self.bad))

    def seconds(self) -> float | None:
        return _mean(one.seconds for one in self.caught)

    def fraction(self) -> float | None:
        return _mean(one.fraction for one in self.caught)

    def document(self) -> dict[str, Any]:
        catch = self.catch()
        return {
            "days": self.days,
            "deploys": len(self.releases),
            "bad": len(self.bad),
            "caught": len(self.caught),
            "catch_rate": catch.rate,
            "catch_rate_low": catch.low,
            "catch_rate_high": catch.high,
            "confidence": catch.confidence,
            "seconds_exposed": self.seconds(),
            "fraction_exposed": self.fraction(),
            "harmed_requests": sum(one.harmed_requests for one in self.bad),
        }


def read_past(ledger: Ledger, days: float) -> Past:
    """The last `days`, or as many as the ledger has. Raises `Unreachable`."""
    with ledger.begin() as db:
        now = database_now(db)
        rows = db.execute(
            select(*_COLUMNS)
            .join(
                BuildRow,
                (BuildRow.service == ReleaseRow.service) & (BuildRow.digest == ReleaseRow.digest),
                isouter=True,
            )
            .where(
                ReleaseRow.ended_at > now - timedelta(days=days),
                ReleaseRow.traffic_at.is_not(None),
            )
        ).all()
        first = _first_release(db)
    if first is not None:
        days = min(days, max((now - first).total_seconds() / 86_400, 1.0))
    return Past(days, [_past(row) for row in rows])


def believed(assumed: Assumptions, past: Past) -> tuple[Assumptions, CatchBelief]:
    """The assumptions, with what the ledger knows better in their place."""
    deploys = len(past.releases)
    seconds, fraction = past.seconds(), past.fraction()
    detection = assumed.detection_seconds if seconds is None else seconds
    own = replace(
        assumed,
        deploys_per_day=deploys / past.days,
        p_bad=len(past.bad) / deploys if deploys else 0.0,
        catch_rate=past.catch().rate,
        fraction=fraction or assumed.fraction,
        detection_seconds=detection,
        floor_seconds=min(assumed.floor_seconds, detection),
    )
    return own, past.catch().belief


def own_forecast(
    ledger: Ledger, assumed: Forecast, days: float, years: int
) -> tuple[Past, Forecast]:
    """What the ledger tells, and the same forecast as `assumed` with that in place of the
    assumptions. Raises `Unreachable`, and `WrongAssumption` for more than can be played."""
    past = read_past(ledger, days)
    own, belief = believed(assumed.assumptions, past)
    again = make_forecast(own, assumed.strategy, seed=assumed.seed, years=years, belief=belief)
    return past, again


def _first_release(db: Connection) -> Any:
    query = select(ReleaseRow.created_at).order_by(ReleaseRow.id).limit(1)
    return db.execute(query).scalar_one_or_none()


def _past(row: Any) -> PastRelease:
    """Bad: taken back once users had met it, or known bad later on."""
    is_back = row.state == ReleaseState.ROLLED_BACK
    is_bad = is_back or (row.state in _REACHED_ALL and row.known_bad_reason is not None)
    steps: list[Any] = row.plan.get("steps", [])
    step: dict[str, Any] = steps[min(row.step, len(steps) - 1)] if steps else {}
    ended = row.decided_at or row.ended_at
    return PastRelease(
        is_bad,
        is_back and not row.reason.startswith(_BY_HAND),
        step.get("share"),
        max((ended - row.traffic_at).total_seconds(), 0.0),
        int(row.figures.get("candidate_failed", 0)),
    )


def _mean(values: Any) -> float | None:
    known = [v for v in values if v is not None]
    return fmean(known) if known else None
