"""Contract: once no living build needs the old name, it goes."""

from alembic import op

revision = "0004_drop_state"
down_revision = "0003_move_state"
phase = "contract"


def upgrade() -> None:
    op.drop_column("orders", "state")
