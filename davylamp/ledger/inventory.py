"""What is live: stable builds, and the copies that were seen running."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.models import InstanceRow, ReleaseRow, ReleaseState, ServiceRow

_NOW = func.clock_timestamp()
_OBSERVED = ("digest", "state", "address", "reason", "started_at")
_KEPT = tuple({c.name for c in InstanceRow.__table__.columns} & {f.name for f in fields(Instance)})
_ORDERED_FOR = timedelta(seconds=60)
"""How long a copy may be written down without its platform showing it."""


@dataclass(frozen=True)
class Live:
    """A service's stable build, as the ledger holds it."""

    name: str
    stable_digest: str | None = None
    stable_version: str | None = None
    stable_image: str | None = None
    stable_release_id: int | None = None
    stable_since: datetime | None = None
    frozen_reason: str | None = None


def live_service(db: Connection, name: str) -> Live:
    row = db.execute(select(ServiceRow).where(ServiceRow.name == name)).first()
    return Live(**row._mapping) if row else Live(name)  # pyright: ignore[reportPrivateUsage]


def live_services(db: Connection) -> dict[str, Live]:
    rows = db.execute(select(ServiceRow).order_by(ServiceRow.name))
    return {row.name: Live(**row._mapping) for row in rows}  # pyright: ignore[reportPrivateUsage]


def set_stable(
    db: Connection, name: str, *, digest: str, version: str, image: str, release_id: int
) -> None:
    values = {
        "stable_digest": digest,
        "stable_version": version,
        "stable_image": image,
        "stable_release_id": release_id,
        "stable_since": _NOW,
    }
    query = insert(ServiceRow).values(name=name, **values)
    db.execute(query.on_conflict_do_update(index_elements=["name"], set_=values))


def set_freeze(db: Connection, name: str, reason: str | None) -> None:
    """Freeze a service (no release may begin), or thaw it with None."""
    query = insert(ServiceRow).values(name=name, frozen_reason=reason)
    db.execute(query.on_conflict_do_update(index_elements=["name"], set_={"frozen_reason": reason}))


def assign(db: Connection, instances: Iterable[Instance]) -> None:
    """Write down which copies are about to play which part, before they are started."""
    rows = sorted((_row(i) for i in instances), key=_by_id)
    if rows:
        query = insert(InstanceRow)
        changed = {"role": query.excluded.role, "release_id": query.excluded.release_id}
        db.execute(query.on_conflict_do_update(index_elements=["id"], set_=changed), rows)


def change_role(db: Connection, ids: Sequence[str], role: Role) -> None:
    _lock(db, ids)
    db.execute(update(InstanceRow).where(InstanceRow.id.in_(ids)).values(role=role))


def observe(
    db: Connection,
    seen: Sequence[Instance],
    *,
    whole_fleet: bool,
    began: datetime | None = None,
) -> None:
    """Bring the record up to what the platform shows; only what has changed is written.

    A copy's part stays as assigned. With `whole_fleet`, one that isn't shown any more is
    stopped. `began` is when the reading began, by the database's clock: what was written
    since then is newer and stays.
    """
    rows = _differing(db, sorted((_row(i) for i in seen), key=_by_id))
    if rows:
        query = insert(InstanceRow)
        changed = {name: query.excluded[name] for name in _OBSERVED}
        differs = or_(
            *(getattr(InstanceRow, n).is_distinct_from(query.excluded[n]) for n in _OBSERVED)
        )
        newer = InstanceRow.observed_at <= began if began is not None else true()
        statement = query.on_conflict_do_update(
            index_elements=["id"],
            set_=changed | {"observed_at": _NOW},
            where=and_(differs, newer),
        )
        db.execute(statement, rows)
    if not whole_fleet:
        return
    # one that ran once is starting again, or ending: its platform has shown it before
    just_ordered = (
        (InstanceRow.state == InstanceState.STARTING)
        & InstanceRow.started_at.is_(None)
        & (InstanceRow.observed_at > _NOW - _ORDERED_FOR)
    )
    gone = select(InstanceRow.id).where(
        InstanceRow.id.not_in([i.id for i in seen]),
        InstanceRow.state != InstanceState.STOPPED,
        ~just_ordered,
    )
    if began is not None:
        gone = gone.where(InstanceRow.observed_at <= began)
    ids = list(db.execute(gone).scalars())
    if ids:
        mark_stopped(db, ids, "no longer listed by its platform")


def _differing(db: Connection, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Those that are not on record as they are. To read ten thousand takes a twentieth of the time
    of offering them to be written."""
    columns = [getattr(InstanceRow, name) for name in _OBSERVED]
    query = select(InstanceRow.id, *columns).where(InstanceRow.state != InstanceState.STOPPED)
    known: dict[object, tuple[object, ...]] = {row[0]: tuple(row[1:]) for row in db.execute(query)}
    return [row for row in rows if known.get(row["id"]) != tuple(row[n] for n in _OBSERVED)]


def mark_unreachable(db: Connection) -> None:
    """The platform does not answer: nothing is known to be gone, and nothing to be fine."""
    db.execute(
        update(InstanceRow)
        .where(InstanceRow.state == InstanceState.READY)
        .values(state=InstanceState.UNREACHABLE, reason="its platform does not answer")
    )


def instances_of(db: Connection, service: str = "") -> list[Instance]:
    """Everything that isn't stopped, in id order."""
    query = (
        select(InstanceRow)
        .where(InstanceRow.state != InstanceState.STOPPED)
        .order_by(InstanceRow.service, InstanceRow.id)
    )
    if service:
        query = query.where(InstanceRow.service == service)
    return [
        Instance(
            id=row.id,
            service=row.service,
            digest=row.digest,
            role=Role(row.role),
            release_id=row.release_id or 0,
            state=InstanceState(row.state),
            address=row.address,
            reason=row.reason,
            started_at=row.started_at,
        )
        for row in db.execute(query)
    ]


def _row(instance: Instance) -> dict[str, object]:
    return {name: getattr(instance, name) for name in _KEPT}


def mark_stopped(db: Connection, ids: Sequence[str], reason: str) -> None:
    """Copies that were told to end: they get no requests from now on."""
    _lock(db, ids)
    values = {"state": InstanceState.STOPPED, "reason": reason, "observed_at": _NOW}
    db.execute(update(InstanceRow).where(InstanceRow.id.in_(ids)).values(values))


def releases_ended_as(
    db: Connection, ids: Collection[int], states: Collection[ReleaseState]
) -> set[int]:
    """Which of these releases have ended in one of these states."""
    query = select(ReleaseRow.id).where(ReleaseRow.id.in_(ids), ReleaseRow.state.in_(states))
    return set(db.execute(query).scalars())


def _lock(db: Connection, ids: Sequence[str]) -> None:
    """Lock copies in one order, whoever does it: no two writers wait for each other."""
    query = select(InstanceRow.id).where(InstanceRow.id.in_(ids)).order_by(InstanceRow.id)
    db.execute(query.with_for_update())


def _by_id(row: dict[str, object]) -> str:
    return str(row["id"])
