"""Schema change: revisions, what happened to them, points of no return, approvals."""

# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
phase = "expand"

_APPEND_ONLY = """
CREATE FUNCTION davylamp_schema_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
END $$;
"""
_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION davylamp_schema_append_only();
"""


def upgrade() -> None:
    op.add_column("releases", sa.Column("override_reason", sa.Text(), nullable=True))
    op.add_column("release_requests", sa.Column("override_reason", sa.Text(), nullable=True))
    op.create_table(
        "database_revisions",
        _text("database"),
        _text("revision"),
        sa.Column("down_revision", sa.Text(), nullable=True),
        _text("phase"),
        _text("sha256"),
        _document("drops", server_default=sa.text("'{}'::jsonb")),
        _document("dual_write", server_default=sa.text("'{}'::jsonb")),
        _text("brought_by", server_default=""),
        _moment("first_seen_at"),
        sa.PrimaryKeyConstraint("database", "revision"),
    )
    op.create_table(
        "schema_events",
        _number(),
        _text("database"),
        _text("revision", server_default=""),
        _moment("at"),
        _text("by"),
        _text("kind"),
        _text("message"),
        _document("data", server_default=sa.text("'{}'::jsonb")),
    )
    op.create_index("schema_events_by_database", "schema_events", ["database", "id"])
    op.create_table(
        "points_of_no_return",
        _text("database"),
        _text("revision"),
        _moment("at"),
        _text("by"),
        _document("builds"),
        sa.PrimaryKeyConstraint("database", "revision"),
    )
    op.create_table(
        "migration_states",
        sa.Column("database", sa.Text(), primary_key=True),
        _text("present"),
        _document("document"),
        _moment("updated_at"),
    )
    op.create_table(
        "contract_approvals",
        _number(),
        _text("database"),
        _text("revision"),
        _text("sha256"),
        _moment("at"),
        _text("by"),
        _text("why"),
    )
    op.create_index(
        "contract_approvals_by_revision", "contract_approvals", ["database", "revision"]
    )
    op.execute(_APPEND_ONLY)
    for table in ("schema_events", "points_of_no_return", "contract_approvals"):
        op.execute(_TRIGGER.format(table=table))


def _text(name: str, server_default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=server_default, nullable=False)


def _moment(name: str) -> sa.Column[object]:
    now = sa.text("clock_timestamp()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=now, nullable=False)


def _document(name: str, server_default: sa.TextClause | None = None) -> sa.Column[object]:
    kind = postgresql.JSONB(astext_type=sa.Text())
    return sa.Column(name, kind, server_default=server_default, nullable=False)


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True)
