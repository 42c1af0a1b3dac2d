"""One tick: read the source once, and write what it said into the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from davylamp.judge.sample import Role
from davylamp.ledger.evidence import write_samples
from davylamp.ledger.instance import Instance
from davylamp.ledger.inventory import instances_of
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.signals.processes import with_processes
from davylamp.signals.protocol import Source, Watched


def watched_sides(releases: Iterable[Release]) -> list[Watched]:
    """All three sides of every release."""
    return [Watched(r.service, role, r.id) for r in releases for role in Role]


def sample_once(
    ledger: Ledger,
    source: Source,
    platform_instances: Sequence[Instance],
    watched: Collection[Watched],
) -> int:
    """Write one sample a watched side. Returns how many. Raises `Unreachable`."""
    if not watched:
        return 0
    samples = source.read(watched)
    with ledger.begin() as db:
        parts = _as_recorded(platform_instances, instances_of(db))
        write_samples(db, with_processes(samples, parts))
    return len(samples)


def _as_recorded(seen: Sequence[Instance], recorded: Sequence[Instance]) -> list[Instance]:
    """What the platform measured, in the part the ledger has given each copy: the platform
    still knows a promoted copy as the candidate it was started as."""
    part = {i.id: (i.role, i.release_id) for i in recorded}
    return [
        replace(i, role=role, release_id=release_id)
        for i in seen
        for role, release_id in [part.get(i.id, (i.role, i.release_id))]
    ]
