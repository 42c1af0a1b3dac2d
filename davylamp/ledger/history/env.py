"""Alembic's way in: it runs on the connection `Ledger.migrate` hands over."""

from alembic import context

from davylamp.ledger.audit_models import AuditRow

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=AuditRow.metadata,
    version_table="ledger_revision",
)
with context.begin_transaction():
    context.run_migrations()
