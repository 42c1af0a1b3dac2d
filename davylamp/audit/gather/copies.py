"""The copies that run, as the platform shows them; by the ledger where it doesn't answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from davylamp.audit.gather.recorded import Recorded
from davylamp.audit.gather.witnesses import Report
from davylamp.audit.inventory import Copy
from davylamp.errors import Unreachable
from davylamp.fleet.protocol import Platform
from davylamp.ledger.instance import UNKNOWN_DIGEST, Instance, InstanceState

_GONE = (InstanceState.STOPPED, InstanceState.FAILED)
"""They run nothing: where they were wanted they are missing."""


def seen_copies(platform: Platform) -> list[Instance] | None:
    """None when the platform doesn't answer."""
    try:
        return [one for one in platform.instances() if one.state not in _GONE]
    except Unreachable:
        return None


def copies_of(
    seen: Sequence[Instance] | None, recorded: Recorded, reports: Mapping[str, Report]
) -> Iterable[Copy]:
    """Without the platform nobody has been seen since the ledger last wrote something down: that
    may have been long ago, and is all that is known."""
    for one in recorded.copies.values() if seen is None else seen:
        if one.state in _GONE:
            continue
        known = recorded.copies.get(one.id, one)
        is_seen = seen is not None and one.state is not InstanceState.UNREACHABLE
        at = recorded.now if is_seen else recorded.observed_at.get(one.id)
        report = reports.get(one.id, Report())
        yield Copy(
            id=one.id,
            service=one.service,
            digest=None if one.digest == UNKNOWN_DIGEST else one.digest,
            started_at=one.started_at.timestamp() if one.started_at else None,
            last_seen_at=at.timestamp() if at else None,
            flags_revision=report.flags_revision,
            role=known.role.value,
            witnesses={"its own report": report.digest or None},
        )
