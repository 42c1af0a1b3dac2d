"""The builds that matter to an audit: those that run, may run, or are meant to run.

The ledger knows every build there ever was, and after a year of many deploys that is millions: they
are not read every minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from davylamp.audit.gather.recorded import Recorded
from davylamp.audit.gather.witnesses import Report
from davylamp.ledger.builds import Build, builds_of_digests, these_builds
from davylamp.ledger.instance import Instance
from davylamp.ledger.session import Ledger

Named = tuple[str, str]
"""Service and digest."""


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
        found = these_builds(db, named)
        strangers = {digest for _, digest in named} - {one.digest for one in found}
        return (*found, *(builds_of_digests(db, strangers) if strangers else ()))
