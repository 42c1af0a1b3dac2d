"""`davylamp schema`: change a database's schema beside every build that is alive."""

from __future__ import annotations

import typer

from davylamp.cli import schema_backfill
from davylamp.cli.schema_apply import apply
from davylamp.cli.schema_approve import approve
from davylamp.cli.schema_change import change, contract
from davylamp.cli.schema_lint import lint
from davylamp.cli.schema_status import status

app = typer.Typer(no_args_is_help=True, help="Schema change: expand, migrate, contract.")


@app.callback()
def group() -> None:
    """Schema change: expand, migrate, contract."""


app.command()(lint)
app.command()(approve)
app.command()(status)
app.command()(apply)
app.command()(change)
app.command()(contract)
app.add_typer(schema_backfill.app, name="backfill")
