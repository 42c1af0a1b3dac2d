"""Audits: each look at the fleet, what is held against it since when, and whom to tell."""

# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
phase = "expand"


def upgrade() -> None:
    _audits()
    _findings()
    _inventories()
    _alerts()


def _audits() -> None:
    op.create_table(
        "audits",
        _number(),
        _moment("at"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("services", sa.Integer(), nullable=False),
        sa.Column("seen_instances", sa.Integer(), nullable=False),
        _document("counts"),
        _document("unseen"),
    )
    op.create_index("audits_by_moment", "audits", ["at"])


def _findings() -> None:
    op.create_table(
        "audit_findings",
        _number(),
        _text("code"),
        _text("service"),
        _text("instance"),
        _text("subject"),
        _text("severity"),
        _document("document"),
        _moment("first_seen_at"),
        _moment("last_seen_at"),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index(
        "audit_findings_open",
        "audit_findings",
        ["code", "service", "instance", "subject"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("audit_findings_by_closed", "audit_findings", ["closed_at"])


def _inventories() -> None:
    op.create_table(
        "audit_inventories",
        sa.Column("name", sa.Text(), primary_key=True),
        _moment("at"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        _number(),
        _moment("at"),
        _text("kind"),
        _document("document"),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        _moment("next_attempt_at"),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        _text("last_error", server_default=""),
    )
    op.create_index(
        "alerts_pending",
        "alerts",
        ["next_attempt_at"],
        postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
    )


def _text(name: str, server_default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=server_default, nullable=False)


def _moment(name: str) -> sa.Column[object]:
    now = sa.text("clock_timestamp()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=now, nullable=False)


def _document(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=False)


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True)
