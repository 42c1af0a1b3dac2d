"""Alembic's way in: it runs on the connection `Ledger.migrate` hands over."""

from alembic import context

from davylamp.ledger import audit_models
from davylamp.ledger.models import Base

assert audit_models.AuditRow.metadata is Base.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="ledger_revision",
)
with context.begin_transaction():
    context.run_migrations()
