"""Releases written into a real ledger, as a run would have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, update

from benchmarks.calibration.noises import Harm, noise_stream
from davylamp.judge.sample import Sample
from davylamp.ledger import evidence, inventory, releases
from davylamp.ledger.models import ReleaseRow, ReleaseState
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from tests.release_defs.streams import BEGAN, samples_of
from tests.report.stories import PLAN, verdict

ENTRY = {
    "name": "checkout",
    "owner": "tests",
    "image": {"repository": "shop/checkout"},
    "route": {"hosts": ["checkout.localhost"]},
}


def digest_of(version: str) -> str:
    return f"sha256:{version.replace('.', '').ljust(64, '0')}"


def know(ledger: Ledger, version: str, service: str = "checkout") -> str:
    """A build in the record; its digest."""
    with ledger.begin() as db:
        evidence.record_build(
            db,
            service=service,
            digest=digest_of(version),
            repository=f"shop/{service}",
            version=version,
            contract={},
            signed_by="",
        )
    return digest_of(version)


def opened(ledger: Ledger, version: str, service: str = "checkout") -> Release:
    with ledger.begin() as db:
        found = releases.open_release(
            db,
            service=service,
            image=version,
            plan=PLAN.document(),
            entry={**ENTRY, "name": service},
            seed=1,
            requested_by="ana",
        )
        digest = digest_of(version)
        values = {"digest": digest, "version": version}
        return releases.update_release(db, found.id, "verified", version, **values)


def promoted(ledger: Ledger, version: str, service: str = "checkout") -> int:
    """It went to all users."""
    digest = know(ledger, version, service)
    release = opened(ledger, version, service)
    with ledger.begin() as db:
        state = ReleaseState.PROMOTING
        now = {"decided_at": releases.DATABASE_NOW}
        releases.note_traffic(db, release.id)
        releases.update_release(db, release.id, state, "safe", state=state, **now)
        inventory.set_stable(
            db, service, digest=digest, version=version, image="x", release_id=release.id
        )
        state = ReleaseState.CONFIRMING
        releases.update_release(db, release.id, "made_stable", "safe", state=state)
        releases.end_release(db, release.id, ReleaseState.PROMOTED, "safe")
    return release.id


def rolled_back(ledger: Ledger, version: str, reason: str = "requests failed") -> int:
    """Users met it on its first step, and some were harmed."""
    digest = know(ledger, version)
    release = opened(ledger, version)
    with ledger.begin() as db:
        state = ReleaseState.STEPPING
        releases.update_release(db, release.id, state, "5 %", state=state, step=0)
        releases.note_traffic(db, release.id)
        evidence.write_verdict(db, release.id, 0, verdict())
        releases.note_decision(db, release.id, reason, ReleaseState.ROLLED_BACK)
        evidence.mark_bad(db, "checkout", digest, reason)
        figures = {"candidate_requests": 1204.0, "candidate_failed": 63.0}
        releases.update_release(db, release.id, "figures", "63 failed", figures=figures)
        releases.end_release(db, release.id, ReleaseState.ROLLED_BACK, reason)
    return release.id


def sampled(ledger: Ledger, release_id: int, ticks: int = 60) -> int:
    """Give a release samples of its last minute of traffic, on all sides; how many requests of
    all of them ended in that time."""
    with ledger.begin() as db:
        decided = releases.get_release(db, release_id).decided_at
        assert decided is not None
        began = decided.timestamp() - ticks
        _since(db, release_id, ticks)
        stream = noise_stream("bursts", 80, 4, ticks=ticks, sides=3, harm=Harm("errors", 0.3, 10))
        found = samples_of(stream, release_id)
        moved = {r: [_moved(s, began - BEGAN) for s in of] for r, of in found.items()}
        evidence.write_samples(db, [s for of in moved.values() for s in of])
    return sum(_completed(of[-1]) - _completed(of[0]) for of in moved.values())


def _since(db: Connection, release_id: int, seconds: float) -> None:
    earlier = ReleaseRow.decided_at - timedelta(seconds=seconds)
    db.execute(update(ReleaseRow).where(ReleaseRow.id == release_id).values(traffic_at=earlier))


def _moved(sample: Sample, seconds: float) -> Sample:
    return replace(sample, at=sample.at + seconds)


def _completed(sample: Sample) -> int:
    return sample.succeeded + sample.failed
