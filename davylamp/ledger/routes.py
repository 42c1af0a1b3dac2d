"""Route intents: who may say what traffic should be, for how long, and what was confirmed.

Every writer shows the fencing number it holds; a stale one, or a lease that has run out by
the database's clock, is refused. `cut` is the roll-back: one row, and nobody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from davylamp.errors import FencedOff, Refused
from davylamp.judge.sample import Role
from davylamp.ledger.instance import InstanceState
from davylamp.ledger.intent import RouteIntent, ServiceRoute
from davylamp.ledger.models import InstanceRow, RouteRow, ServiceRow

_NOW = func.clock_timestamp()


def take_route(
    db: Connection, service: str, release_id: int, seed: int, lease_seconds: float
) -> RouteIntent:
    """Take hold of a service's route for a release: a new fence, no shares yet."""
    db.execute(insert(RouteRow).values(service=service).on_conflict_do_nothing())
    values = {
        "fence": RouteRow.fence + 1,
        "generation": RouteRow.generation + 1,
        "release_id": release_id,
        "candidate_share": 0.0,
        "baseline_share": 0.0,
        "seed": seed,
        "lease_expires_at": _NOW + timedelta(seconds=lease_seconds),
        "reason": f"release {release_id} has begun",
    }
    return _change(db, service, None, values)


def renew_lease(db: Connection, service: str, fence: int, lease_seconds: float) -> RouteIntent:
    """Vouch for the candidate a little longer. Raises `FencedOff`."""
    until = _NOW + timedelta(seconds=lease_seconds)
    return _change(db, service, fence, {"lease_expires_at": until})


def set_shares(
    db: Connection,
    service: str,
    fence: int,
    *,
    candidate: float,
    baseline: float,
    lease_seconds: float,
    reason: str,
) -> RouteIntent:
    """Say what share of users goes where. Also used with unchanged shares when the set of
    endpoints changed: a new generation is what a router confirms. Raises `FencedOff`."""
    values = {
        "candidate_share": candidate,
        "baseline_share": baseline,
        "generation": RouteRow.generation + 1,
        "lease_expires_at": _NOW + timedelta(seconds=lease_seconds),
        "reason": reason,
    }
    return _change(db, service, fence, values)


def cut_route(db: Connection, service: str, reason: str) -> RouteIntent:
    """Roll back: all traffic to stable, and whoever held the route is fenced off."""
    values = _all_stable(reason) | {"fence": RouteRow.fence + 1}
    del values["release_id"]  # so that the run, or the keeper, finds what it has to end
    intent = _write(db, RouteRow.service == service, values)
    if intent is None:
        raise Refused(f"{service} has never had a route; `davylamp status` lists those that have")
    return intent


def leave_route(db: Connection, service: str, fence: int, reason: str) -> RouteIntent:
    """Give the route back to stable at a release's end. Raises `FencedOff`; a lease that ran
    out is no hindrance, since this only takes shares away."""
    mine = (RouteRow.service == service) & (RouteRow.fence == fence)
    intent = _write(db, mine, _all_stable(reason))
    if intent is None:
        raise FencedOff(_why_refused(db, service, fence))
    return intent


def forget_release(db: Connection, service: str, release_id: int) -> RouteIntent | None:
    """Take a dead or fenced-off release out of its route, whoever held the fence. None when
    the route is not that release's (any more)."""
    mine = (RouteRow.service == service) & (RouteRow.release_id == release_id)
    values = _all_stable(f"release {release_id} has ended") | {"fence": RouteRow.fence + 1}
    return _write(db, mine, values)


def _all_stable(reason: str) -> dict[str, Any]:
    return {
        "candidate_share": 0.0,
        "baseline_share": 0.0,
        "lease_expires_at": None,
        "release_id": None,
        "generation": RouteRow.generation + 1,
        "reason": reason,
        "updated_at": _NOW,
    }


def read_route(db: Connection, service: str) -> RouteIntent | None:
    row = db.execute(select(RouteRow).where(RouteRow.service == service)).first()
    return _intent(row) if row else None


def read_fleet(db: Connection) -> tuple[dict[str, ServiceRoute], datetime]:
    """All routes with their endpoints, and the database's clock, in one snapshot."""
    db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    intents = {row.service: _intent(row) for row in db.execute(select(RouteRow))}
    endpoints: dict[str, dict[Role, list[str]]] = {}
    for service, role, release_id, address in db.execute(_SERVING):
        for part in _parts_played(intents.get(service), role, release_id):
            endpoints.setdefault(service, {}).setdefault(part, []).append(address)
    now = db.execute(select(_NOW)).scalar_one()
    routes = {
        name: ServiceRoute(
            intent, {role: tuple(found) for role, found in endpoints.get(name, {}).items()}
        )
        for name, intent in intents.items()
    }
    return routes, now


# A copy nobody could reach just now keeps its place: unreachable is not gone. A stable copy
# that runs anything but the stable build gets no requests, whatever it was meant to run.
_SERVING = (
    select(InstanceRow.service, InstanceRow.role, InstanceRow.release_id, InstanceRow.address)
    .join(ServiceRow, ServiceRow.name == InstanceRow.service, isouter=True)
    .where(
        InstanceRow.state.in_([InstanceState.READY, InstanceState.UNREACHABLE]),
        InstanceRow.address != "",
        (InstanceRow.role != Role.STABLE) | (InstanceRow.digest == ServiceRow.stable_digest),
    )
    .order_by(InstanceRow.service, InstanceRow.role, InstanceRow.id)
)


def _parts_played(
    intent: RouteIntent | None, role: str, release_id: int | None
) -> tuple[Role, ...]:
    """Which endpoints a copy belongs to. The copies of a release that has just been promoted
    are stable already and candidate still, until the route is given back."""
    if intent is None:
        return ()
    of_this_release = release_id is not None and release_id == intent.release_id
    if role == Role.STABLE:
        return (Role.STABLE, Role.CANDIDATE) if of_this_release else (Role.STABLE,)
    return (Role(role),) if of_this_release else ()


def confirm_routes(db: Connection, generations: Mapping[str, int]) -> None:
    """Write back which generation a router has been *seen* to have in force."""
    if not generations:
        return
    db.execute(
        text(
            "UPDATE route_intents SET confirmed_generation = c.generation,"
            " confirmed_at = clock_timestamp()"
            " FROM unnest(cast(:services AS text[]), cast(:generations AS bigint[]))"
            " AS c(service, generation)"
            " WHERE route_intents.service = c.service"
            " AND route_intents.confirmed_generation < c.generation"
        ),
        {"services": list(generations), "generations": list(generations.values())},
    )


def _change(
    db: Connection, service: str, held: int | None, values: Mapping[str, Any]
) -> RouteIntent:
    where = RouteRow.service == service
    if held is not None:
        where &= (RouteRow.fence == held) & (RouteRow.lease_expires_at > _NOW)
    intent = _write(db, where, {**values, "updated_at": _NOW})
    if intent is None:
        raise FencedOff(_why_refused(db, service, held))
    return intent


def _write(
    db: Connection, where: ColumnElement[bool], values: Mapping[str, Any]
) -> RouteIntent | None:
    row = db.execute(update(RouteRow).where(where).values(values).returning(RouteRow)).first()
    return None if row is None else _intent(row)


def _why_refused(db: Connection, service: str, fence: int | None) -> str:
    intent = read_route(db, service)
    if intent is None:
        return f"{service} has no route"
    if intent.fence != fence:
        return f"the route of {service} was taken away: {intent.reason}"
    return f"the lease on the route of {service} ran out at {intent.lease_expires_at}"


def _intent(row: Any) -> RouteIntent:
    return RouteIntent(**{name: getattr(row, name) for name in RouteIntent.__dataclass_fields__})
