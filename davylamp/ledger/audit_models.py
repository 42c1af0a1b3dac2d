"""The audit's tables; see `models`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from davylamp.ledger.models import Base

_NOW = text("clock_timestamp()")
_IS_OPEN = text("closed_at IS NULL")
_IS_PENDING = text("delivered_at IS NULL AND given_up_at IS NULL")


class AuditRow(Base):
    """One look at the whole fleet."""

    __tablename__ = "audits"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    seconds: Mapped[float]
    services: Mapped[int]
    seen_instances: Mapped[int]
    counts: Mapped[dict[str, Any]]
    """Findings by code, without those that are waived."""
    unseen: Mapped[dict[str, Any]]
    """What did not answer, and why: platform, routers, databases."""

    __table_args__ = (Index("audits_by_moment", "at"),)


class FindingRow(Base):
    """One thing held against the fleet, from the first audit that found it to the last."""

    __tablename__ = "audit_findings"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    code: Mapped[str]
    service: Mapped[str]
    instance: Mapped[str]
    subject: Mapped[str]
    severity: Mapped[str]
    document: Mapped[dict[str, Any]]
    first_seen_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    last_seen_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    closed_at: Mapped[datetime | None]
    """By the first audit that did not find it any more."""

    __table_args__ = (
        Index(
            "audit_findings_open",
            "code",
            "service",
            "instance",
            "subject",
            unique=True,
            postgresql_where=_IS_OPEN,
        ),
        Index("audit_findings_by_closed", "closed_at"),
    )


class InventoryRow(Base):
    """The newest value of an asset of the audit, compressed: a minute's look isn't history."""

    __tablename__ = "audit_inventories"
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class AlertRow(Base):
    """A notice to be sent, written with what it tells of: none is lost when the sender dies."""

    __tablename__ = "alerts"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    kind: Mapped[str]
    document: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    delivered_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (Index("alerts_pending", "next_attempt_at", postgresql_where=_IS_PENDING),)
