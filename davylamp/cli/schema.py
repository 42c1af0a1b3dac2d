"""`davylamp schema`: change a database's schema beside every build that is alive."""

from __future__ import annotations

import typer

from davylamp.cli.schema_approve import approve
from davylamp.cli.schema_lint import lint

app = typer.Typer(no_args_is_help=True, help="Schema change: expand, migrate, contract.")


@app.callback()
def group() -> None:
    """Schema change: expand, migrate, contract."""


app.command()(lint)
app.command()(approve)
