"""The builds that matter to an audit: those that run, may run, or are meant to run.

The ledger knows every build there ever was, and after a year of many deploys that is millions: they
are not read every minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from davylamp.audit.gather.recorded import Recorded
from davylamp.audit.gather.witnesses import Report
from davylamp.ledger.builds import Build
from davylamp.ledger.instance import Instance
from davylamp.ledger.models import BuildRow
from davylamp.ledger.session import Ledger

Named = tuple[str, str]
"""Service and digest."""

_COLUMNS = (
    BuildRow.service,
    BuildRow.digest,
    BuildRow.version,
    BuildRow.contract,
    BuildRow.known_bad_reason,
)
_THESE = text("(service, digest) IN (SELECT * FROM unnest(:services, :digests))").bindparams(
    bindparam("services", type_=ARRAY(Text)), bindparam("digests", type_=ARRAY(Text))
)


def builds_named(
    recorded: Recorded, seen: Sequence[Instance], reports: Mapping[str, Report]
) -> set[Named]:
    """What platform, ledger and the copies themselves (`reports`, by id) name."""
    copies = (*seen, *recorded.copies.values())
    found = {(one.service, one.digest) for one in copies}
    found |= {(one.service, reports[one.id].digest) for one in seen if one.id in reports}
    found |= {(name, live.stable_digest or "") for name, live in recorded.live.items()}
    for name, release in recorded.active.items():
        found |= {(name, release.digest or ""), (name, release.stable_digest or "")}
    return {(service, digest) for service, digest in found if digest}


def read_builds(ledger: Ledger, named: set[Named]) -> tuple[Build, ...]:
    """Those the ledger knows. A build that runs under another service's name is found too: by its
    digest alone, which takes longer. Raises `Unreachable`."""
    if not named:
        return ()
    with ledger.begin() as db:
        found = _of(db, named)
        strangers = {digest for _, digest in named} - {one.digest for one in found}
        return (*found, *(_anywhere(db, strangers) if strangers else ()))


def _of(db: Connection, named: set[Named]) -> list[Build]:
    services, digests = zip(*sorted(named), strict=True)
    query = select(*_COLUMNS).where(_THESE).order_by(BuildRow.service, BuildRow.first_seen_at)
    given = {"services": list(services), "digests": list(digests)}
    return [Build(*row) for row in db.execute(query, given)]


def _anywhere(db: Connection, digests: set[str]) -> list[Build]:
    query = select(*_COLUMNS).where(BuildRow.digest.in_(digests))
    return [Build(*row) for row in db.execute(query.order_by(BuildRow.service))]
