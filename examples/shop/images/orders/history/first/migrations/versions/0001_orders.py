"""The orders, and how far each of them is."""

from alembic import op

revision = "0001_orders"
down_revision = None
phase = "expand"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE orders (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            cart bigint NOT NULL,
            state text,
            total_cents bigint NOT NULL DEFAULT 0,
            changed_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
