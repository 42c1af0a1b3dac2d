"""The evidence and what was concluded from it: samples, verdicts, builds, requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from davylamp.judge.sample import Role, Sample
from davylamp.judge.verdict import Verdict
from davylamp.ledger.models import BuildRow, RequestRow, SampleRow, VerdictRow

_KEYS = ("service", "role", "release_id", "at")


def write_samples(db: Connection, samples: Sequence[Sample]) -> None:
    rows: list[dict[str, Any]] = []
    for sample in samples:
        values = asdict(sample)
        keys = {k: values.pop(k) for k in _KEYS}
        rows.append(keys | {"counters": values})
    if rows:
        db.execute(upsert(SampleRow).on_conflict_do_nothing(), rows)


def read_samples(db: Connection, release_id: int, after: float = 0.0) -> dict[Role, list[Sample]]:
    """A release's samples by role, oldest first, later than `after` (Unix seconds)."""
    query = (
        select(SampleRow)
        .where(SampleRow.release_id == release_id, SampleRow.at > after)
        .order_by(SampleRow.at)
    )
    found: dict[Role, list[Sample]] = {role: [] for role in Role}
    for row in db.execute(query):
        counters = dict(row.counters)
        counters["latency"] = tuple(counters["latency"])
        counters["responses"] = tuple(counters["responses"])
        role = Role(row.role)
        found[role].append(
            Sample(service=row.service, role=role, release_id=row.release_id, at=row.at, **counters)
        )
    return found


def write_verdict(db: Connection, release_id: int, step: int, verdict: Verdict) -> None:
    document = json.loads(json.dumps(asdict(verdict), default=str).replace("NaN", "null"))
    values = {
        "release_id": release_id,
        "step": step,
        "outcome": verdict.outcome,
        "judge": verdict.judge,
        "headline": verdict.headline,
        "document": document,
    }
    db.execute(insert(VerdictRow).values(values))


def last_verdict(db: Connection, release_id: int) -> Mapping[str, Any] | None:
    """The newest verdict's document."""
    query = (
        select(VerdictRow.document)
        .where(VerdictRow.release_id == release_id)
        .order_by(VerdictRow.id.desc())
        .limit(1)
    )
    return db.execute(query).scalar_one_or_none()


def record_build(
    db: Connection,
    *,
    service: str,
    digest: str,
    repository: str,
    version: str,
    contract: Mapping[str, Any],
    signed_by: str,
) -> None:
    values = {
        "service": service,
        "digest": digest,
        "repository": repository,
        "version": version,
        "contract": dict(contract),
        "signed_by": signed_by,
    }
    db.execute(upsert(BuildRow).values(values).on_conflict_do_nothing())


def known_bad(db: Connection, service: str, digest: str) -> str | None:
    """Why a build was once taken back; None when it never was."""
    query = select(BuildRow.known_bad_reason).where(
        BuildRow.service == service, BuildRow.digest == digest
    )
    return db.execute(query).scalar_one_or_none()


def mark_bad(db: Connection, service: str, digest: str, reason: str | None) -> bool:
    """Remember why a build was taken back, or (None) forget it. False for an unknown build."""
    done = db.execute(
        update(BuildRow)
        .where(BuildRow.service == service, BuildRow.digest == digest)
        .values(known_bad_reason=reason)
    )
    return done.rowcount > 0


def contract_of(db: Connection, service: str, digest: str) -> Mapping[str, Any] | None:
    query = select(BuildRow.contract).where(BuildRow.service == service, BuildRow.digest == digest)
    return db.execute(query).scalar_one_or_none()


@dataclass(frozen=True)
class Request:
    """A release somebody asked for and that no run has begun."""

    id: int
    service: str
    image: str
    requested_by: str
    created_at: datetime
    release_id: int | None = None
    refused_reason: str | None = None
    override_reason: str | None = None


def ask_for_release(
    db: Connection, service: str, image: str, by: str, override: str | None = None
) -> int:
    """Put a request into the inbox; a sensor starts the run. Returns the request's id.

    `override` is why somebody wants an older build that may not read every row.
    """
    values = {"service": service, "image": image, "requested_by": by, "override_reason": override}
    query = insert(RequestRow).values(values)
    return db.execute(query.returning(RequestRow.id)).scalar_one()


def open_requests(db: Connection, after: int = 0, limit: int = 50) -> list[Request]:
    query = (
        select(RequestRow)
        .where(
            RequestRow.id > after,
            RequestRow.release_id.is_(None),
            RequestRow.refused_reason.is_(None),
        )
        .order_by(RequestRow.id)
        .limit(limit)
    )
    return [Request(**row._mapping) for row in db.execute(query)]  # pyright: ignore[reportPrivateUsage]


def get_request(db: Connection, request_id: int) -> Request | None:
    row = db.execute(select(RequestRow).where(RequestRow.id == request_id)).first()
    return Request(**row._mapping) if row else None  # pyright: ignore[reportPrivateUsage]


def answer_request(
    db: Connection, request_id: int, *, release_id: int | None = None, refused: str | None = None
) -> None:
    db.execute(
        update(RequestRow)
        .where(RequestRow.id == request_id)
        .values(release_id=release_id, refused_reason=refused)
    )


def count_rows(db: Connection, release_id: int) -> int:
    """How many rows a release has in the ledger beside its own: verdicts and samples."""
    verdicts = select(func.count()).where(VerdictRow.release_id == release_id).scalar_subquery()
    samples = select(func.count()).where(SampleRow.release_id == release_id).scalar_subquery()
    return db.execute(select(verdicts + samples)).scalar_one()


def digest_of_version(db: Connection, service: str, version: str) -> str | None:
    """The digest under which a version was first recorded; None when it never was."""
    query = (
        select(BuildRow.digest)
        .where(BuildRow.service == service, BuildRow.version == version)
        .order_by(BuildRow.first_seen_at)
        .limit(1)
    )
    return db.execute(query).scalar_one_or_none()


def verdicts_of(db: Connection, release_id: int) -> list[Mapping[str, Any]]:
    """The documents of all verdicts that were written down, oldest first."""
    query = select(VerdictRow.document).where(VerdictRow.release_id == release_id)
    return list(db.execute(query.order_by(VerdictRow.id)).scalars())
