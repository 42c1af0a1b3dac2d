"""Retention: what goes, what stays, and that it may die in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, text, update

from davylamp.judge.named_metrics import NamedTick
from davylamp.ledger import releases, retention
from davylamp.ledger.audit_models import AlertRow, AuditRow, FindingRow
from davylamp.ledger.evidence_retention import KEPT_VERDICTS
from davylamp.ledger.live_runs import runs_of_live_builds
from davylamp.ledger.models import (
    InstanceRow,
    ReleaseRow,
    ReleaseState,
    SampleRow,
    ServiceRow,
    VerdictRow,
)
from davylamp.ledger.named import write_named
from davylamp.ledger.retention import Keep, tidy, would_tidy
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server

KEEP = Keep(evidence=5, instances=1, audits=90)
SAMPLES, VERDICTS = 12, 9
TABLES = ("samples", "named_readings", "verdicts", "releases", "release_events", "instances")


def a_release(ledger: Ledger, service: str, *, ended_days_ago: float | None, run: str = "") -> int:
    """With evidence; still under way where it never ended. It began a day before its end."""
    with ledger.begin() as db:
        release = releases.open_release(
            db,
            service=service,
            image="1.0.0",
            plan={},
            entry={},
            seed=1,
            requested_by="somebody",
            run_id=run,
        )
        samples = [
            {"release_id": release.id, "role": "candidate", "at": n, "service": service}
            for n in range(SAMPLES)
        ]
        db.execute(insert(SampleRow), [one | {"counters": {}} for one in samples])
        write_named(db, {release.id: NamedTick(1.0, {}, {"candidate": "nothing came"})})
        said = {"release_id": release.id, "step": 0, "outcome": "continue", "judge": "sequential"}
        words = [said | {"headline": f"said {n}", "document": {}} for n in range(VERDICTS)]
        db.execute(insert(VerdictRow), words)
        ago = func.clock_timestamp() - timedelta(days=ended_days_ago or 300)
        times = {"created_at": ago - timedelta(days=1)}
        if ended_days_ago is not None:
            times |= {"ended_at": ago, "state": ReleaseState.PROMOTED}
        db.execute(update(ReleaseRow).where(ReleaseRow.id == release.id).values(times))
    return release.id


def a_copy(ledger: Ledger, name: str, state: str, days_ago: float) -> None:
    seen = func.clock_timestamp() - timedelta(days=days_ago)
    values = {"id": name, "service": "a", "digest": "x", "role": "stable", "state": state}
    with ledger.begin() as db:
        db.execute(insert(InstanceRow).values(observed_at=seen, **values))


def rows(ledger: Ledger, table: str, release: int | None = None) -> int:
    where = "" if release is None else f" WHERE release_id = {release}"
    with ledger.begin() as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}{where}")).scalar_one())


def ids(ledger: Ledger, table: type) -> list[object]:
    with ledger.begin() as db:
        return sorted(db.execute(select(table.id)).scalars())


def test_evidence_of_an_old_release_goes_and_the_record_stays(ledger: Ledger) -> None:
    old = a_release(ledger, "a", ended_days_ago=6)

    done = tidy(ledger, KEEP)

    assert done.rows["samples"] == SAMPLES
    assert done.rows["named_readings"] == 1
    assert done.rows["verdicts"] == VERDICTS - KEPT_VERDICTS
    assert done.is_done
    assert rows(ledger, "samples") == rows(ledger, "named_readings") == 0
    with ledger.begin() as db:
        left = db.execute(select(VerdictRow.headline).order_by(VerdictRow.id)).scalars().all()
        assert left == [f"said {n}" for n in range(VERDICTS - KEPT_VERDICTS, VERDICTS)]
        assert releases.get_release(db, old).state is ReleaseState.PROMOTED
        assert releases.events_of(db, old)


def test_recent_and_active_releases_keep_everything(ledger: Ledger) -> None:
    held = a_release(ledger, "held", ended_days_ago=None)
    old = a_release(ledger, "old", ended_days_ago=6)
    recent = a_release(ledger, "recent", ended_days_ago=4.9)

    tidy(ledger, KEEP)

    assert rows(ledger, "samples", held) == rows(ledger, "samples", recent) == SAMPLES
    assert rows(ledger, "verdicts", held) == rows(ledger, "verdicts", recent) == VERDICTS
    assert rows(ledger, "samples", old) == 0


def test_copies_go_only_after_they_stopped(ledger: Ledger) -> None:
    for state in ("ready", "unreachable", "failed", "starting"):
        a_copy(ledger, state, state, days_ago=400)
    a_copy(ledger, "stopped long ago", "stopped", days_ago=1.1)
    a_copy(ledger, "just stopped", "stopped", days_ago=0.9)

    assert tidy(ledger, KEEP).rows["instances"] == 1
    assert ids(ledger, InstanceRow) == [
        "failed",
        "just stopped",
        "ready",
        "starting",
        "unreachable",
    ]


def test_what_is_open_pending_or_last_stays_however_old_it_is(ledger: Ledger) -> None:
    with ledger.begin() as db:
        ago = func.clock_timestamp() - timedelta(days=100)
        look = {"seconds": 1.0, "services": 1, "seen_instances": 1, "counts": {}, "unseen": {}}
        db.execute(insert(AuditRow).values(at=ago, **look))
        last = db.execute(insert(AuditRow).values(at=ago, **look).returning(AuditRow.id))
        last_look = last.scalar_one()
        finding = {"code": "c", "service": "s", "subject": "", "severity": "warning"}
        finding |= {"document": {}, "first_seen_at": ago, "last_seen_at": ago}
        db.execute(insert(FindingRow).values(instance="closed", closed_at=ago, **finding))
        db.execute(insert(FindingRow).values(instance="open", **finding))
        alert = {"at": ago, "kind": "opened", "document": {}}
        db.execute(insert(AlertRow).values(delivered_at=ago, **alert))
        db.execute(insert(AlertRow).values(given_up_at=ago, **alert))
        db.execute(insert(AlertRow).values(**alert))

    done = tidy(ledger, KEEP)

    assert (done.rows["audits"], done.rows["audit_findings"], done.rows["alerts"]) == (1, 1, 2)
    assert ids(ledger, AuditRow) == [last_look]
    with ledger.begin() as db:
        assert db.execute(select(FindingRow.instance)).scalars().all() == ["open"]


def test_a_dry_run_counts_the_same_and_deletes_nothing(ledger: Ledger) -> None:
    a_release(ledger, "a", ended_days_ago=6)
    a_release(ledger, "b", ended_days_ago=1)
    a_copy(ledger, "gone", "stopped", days_ago=2)
    before = {table: rows(ledger, table) for table in TABLES}

    expected = would_tidy(ledger, KEEP)

    assert {table: rows(ledger, table) for table in TABLES} == before
    assert tidy(ledger, KEEP).rows == expected.rows


@pytest.mark.parametrize("batches", [1, 2, 3, 5, 8])
def test_what_one_did_not_finish_the_next_one_does(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 5)
    old = [a_release(ledger, name, ended_days_ago=6) for name in ("a", "b")]
    young = a_release(ledger, "c", ended_days_ago=1)
    for n in range(7):
        a_copy(ledger, f"gone {n}", "stopped", days_ago=2)

    done = _killed_after(ledger, batches)
    rest = tidy(ledger, KEEP)

    assert done + rest.total == 2 * (SAMPLES + 1 + VERDICTS - KEPT_VERDICTS) + 7
    assert rows(ledger, "instances") == 0
    for release in old:
        assert rows(ledger, "samples", release) == rows(ledger, "named_readings", release) == 0
        assert rows(ledger, "verdicts", release) == KEPT_VERDICTS
    assert rows(ledger, "samples", young) == SAMPLES


def _killed_after(ledger: Ledger, batches: int) -> int:
    """Rows that were gone by then."""
    now = retention._ledger_time(ledger)
    work: Iterator[tuple[str, int]] = retention._batches(ledger, KEEP, now)
    return sum(next(work)[1] for _ in range(batches))


def test_when_time_is_up_it_says_that_there_is_more(ledger: Ledger) -> None:
    a_release(ledger, "a", ended_days_ago=6)

    assert not tidy(ledger, KEEP, seconds=0).is_done
    assert tidy(ledger, KEEP).is_done


def test_runs_of_live_builds_and_of_active_releases_are_known(ledger: Ledger) -> None:
    live = a_release(ledger, "a", ended_days_ago=400, run="live")
    a_release(ledger, "a", ended_days_ago=1, run="rolled back")
    a_release(ledger, "b", ended_days_ago=None, run="active")
    a_release(ledger, "c", ended_days_ago=1)
    with ledger.begin() as db:
        db.execute(insert(ServiceRow).values(name="a", stable_release_id=live))
        assert runs_of_live_builds(db) == {"live", "active"}
