"""The ledger's tables. Alembic's history in `history/` builds them; a test holds the two equal."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ReleaseState(StrEnum):
    """Where a release is. The last five are ends."""

    VERIFYING = "verifying"
    MIGRATING = "migrating"
    """Its databases are brought to where it needs them; no copy of it runs yet."""
    STARTING = "starting"
    STEPPING = "stepping"
    HELD = "held"
    PROMOTING = "promoting"
    CONFIRMING = "confirming"
    ROLLING_BACK = "rolling_back"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    UNCONFIRMED = "unconfirmed"
    """Promoted, but an instance still runs something else: it is named in the reason."""

    @property
    def is_end(self) -> bool:
        return self in ENDS


ENDS = frozenset(
    {
        ReleaseState.PROMOTED,
        ReleaseState.ROLLED_BACK,
        ReleaseState.REFUSED,
        ReleaseState.ABANDONED,
        ReleaseState.UNCONFIRMED,
    }
)


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way to say it
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        float: Double,
    }


_NOW = text("clock_timestamp()")


class ServiceRow(Base):
    """What is live: a service's stable build."""

    __tablename__ = "services"
    name: Mapped[str] = mapped_column(primary_key=True)
    stable_digest: Mapped[str | None]
    stable_version: Mapped[str | None]
    stable_image: Mapped[str | None]
    stable_release_id: Mapped[int | None] = mapped_column(BigInteger)
    stable_since: Mapped[datetime | None]
    frozen_reason: Mapped[str | None]


class BuildRow(Base):
    __tablename__ = "builds"
    service: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    repository: Mapped[str]
    version: Mapped[str]
    contract: Mapped[dict[str, Any]]
    signed_by: Mapped[str] = mapped_column(server_default="")
    first_seen_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    known_bad_reason: Mapped[str | None]


class ReleaseRow(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    service: Mapped[str]
    image: Mapped[str]
    digest: Mapped[str | None]
    version: Mapped[str | None]
    stable_digest: Mapped[str | None]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    plan: Mapped[dict[str, Any]]
    entry: Mapped[dict[str, Any]]
    """The catalog entry as it was when the release began."""
    step: Mapped[int] = mapped_column(server_default="0")
    seed: Mapped[int] = mapped_column(BigInteger)
    requested_by: Mapped[str]
    run_id: Mapped[str] = mapped_column(server_default="")
    wish: Mapped[str | None]
    wish_by: Mapped[str | None]
    wish_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    ended_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_end: Mapped[str | None]
    """How it shall end once what it started is gone; the reason is in `reason`."""
    traffic_at: Mapped[datetime | None]
    """When users first met the candidate."""
    figures: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    override_reason: Mapped[str | None]
    """Why an operator goes to an older build although it may not read every row."""

    __table_args__ = (
        Index(
            "one_active_release_a_service",
            "service",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("releases_by_service", "service", "id"),
        CheckConstraint("wish IN ('promote', 'hold', 'roll_back')", name="releases_wish_is_known"),
    )


class RequestRow(Base):
    """The inbox: releases asked for, and not yet started by a run."""

    __tablename__ = "release_requests"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    service: Mapped[str]
    image: Mapped[str]
    requested_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    release_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id"))
    refused_reason: Mapped[str | None]
    override_reason: Mapped[str | None]


class EventRow(Base):
    """Append-only: a trigger refuses UPDATE and DELETE."""

    __tablename__ = "release_events"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    kind: Mapped[str]
    message: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class RouteRow(Base):
    """What traffic should be. Every change carries the fence its writer holds; a trigger
    tells the controller."""

    __tablename__ = "route_intents"
    service: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(BigInteger, server_default="1")
    fence: Mapped[int] = mapped_column(BigInteger, server_default="1")
    release_id: Mapped[int | None] = mapped_column(BigInteger)
    candidate_share: Mapped[float] = mapped_column(server_default="0")
    baseline_share: Mapped[float] = mapped_column(server_default="0")
    seed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lease_expires_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    confirmed_generation: Mapped[int] = mapped_column(BigInteger, server_default="0")
    confirmed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "candidate_share >= 0 AND baseline_share >= 0"
            " AND candidate_share + baseline_share <= 1.000001",
            name="shares_are_shares",
        ),
    )


class InstanceRow(Base):
    """Which copy plays which part, and how it was last seen."""

    __tablename__ = "instances"
    id: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(index=True)
    digest: Mapped[str]
    role: Mapped[str]
    release_id: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str]
    address: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    started_at: Mapped[datetime | None]
    observed_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class VerdictRow(Base):
    __tablename__ = "verdicts"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    step: Mapped[int]
    outcome: Mapped[str]
    judge: Mapped[str]
    headline: Mapped[str]
    document: Mapped[dict[str, Any]]


class SampleRow(Base):
    """The evidence: one row a tick for each side of each active release."""

    __tablename__ = "samples"
    release_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[float] = mapped_column(primary_key=True)
    service: Mapped[str]
    counters: Mapped[dict[str, Any]]


class NamedRow(Base):
    """What one look at a release's named metrics brought: readings by side and metric, problems."""

    __tablename__ = "named_readings"
    release_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[float] = mapped_column(primary_key=True)
    readings: Mapped[dict[str, Any]]


class RevisionRow(Base):
    """A revision of a service's database, as the first build that brought it had it."""

    __tablename__ = "database_revisions"
    database: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str] = mapped_column(primary_key=True)
    down_revision: Mapped[str | None]
    phase: Mapped[str]
    sha256: Mapped[str]
    drops: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """`{"drops": [{"kind", "schema", "table", "column"}]}`."""
    dual_write: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    brought_by: Mapped[str] = mapped_column(server_default="")
    first_seen_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class SchemaEventRow(Base):
    """What happened to a database's schema. Append-only, by a trigger."""

    __tablename__ = "schema_events"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    database: Mapped[str]
    revision: Mapped[str] = mapped_column(server_default="")
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    by: Mapped[str]
    kind: Mapped[str]
    message: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))

    __table_args__ = (Index("schema_events_by_database", "database", "id"),)


class NoReturnRow(Base):
    """A drop that was about to be carried out, and the builds it ended. Append-only."""

    __tablename__ = "points_of_no_return"
    database: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    by: Mapped[str]
    builds: Mapped[dict[str, Any]]
    """`{"builds": [{"service", "version", "digest"}]}`."""


class MigrationStateRow(Base):
    """What was last seen of a database's schema change; the truth is in the database itself."""

    __tablename__ = "migration_states"
    database: Mapped[str] = mapped_column(primary_key=True)
    present: Mapped[str]
    document: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class ApprovalRow(Base):
    """Somebody's yes to a contract revision as it was then, by its hash. Append-only."""

    __tablename__ = "contract_approvals"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    database: Mapped[str]
    revision: Mapped[str]
    sha256: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    by: Mapped[str]
    why: Mapped[str]

    __table_args__ = (Index("contract_approvals_by_revision", "database", "revision"),)
