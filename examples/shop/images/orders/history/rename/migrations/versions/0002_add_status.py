"""Expand: everybody else says `status`, so the new name stands beside the old one."""

import sqlalchemy as sa
from alembic import op

revision = "0002_add_status"
down_revision = "0001_orders"
phase = "expand"


def upgrade() -> None:
    op.add_column("orders", sa.Column("status", sa.Text(), nullable=True))
