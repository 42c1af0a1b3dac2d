"""Which runs the live builds came with."""

from __future__ import annotations

from sqlalchemy import Connection, select

from davylamp.ledger.models import ReleaseRow, ServiceRow


def runs_of_live_builds(db: Connection) -> set[str]:
    """Ids of the runs that released what services run now, or that release something now."""
    stable = select(ReleaseRow.run_id).join(
        ServiceRow, ServiceRow.stable_release_id == ReleaseRow.id
    )
    active = select(ReleaseRow.run_id).where(ReleaseRow.ended_at.is_(None))
    return {run for query in (stable, active) for run in db.execute(query).scalars() if run}
