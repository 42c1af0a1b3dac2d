"""Migrate: both columns are kept equal, and what is there already is copied."""

revision = "0003_move_state"
down_revision = "0002_add_status"
phase = "migrate"
dual_write = {"table": "orders", "old": "state", "new": "status"}


def upgrade() -> None:
    """Nothing but the dual write and its backfill."""
