"""`davylamp`: puts the command groups together, and turns errors into exit codes."""

from __future__ import annotations

import importlib
import sys

import typer

from davylamp.errors import DavylampError

app = typer.Typer(
    name="davylamp",
    help="Releases in which a bad version hurts almost nobody.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

_GROUPS = {"catalog": "catalog", "build": "build", "judge": "judge"}
"""Command group → file of this package that holds its `app`."""

for _group, _module in _GROUPS.items():
    app.add_typer(importlib.import_module(f"davylamp.cli.{_module}").app, name=_group)


def main() -> None:
    """Run a command. 0 fine, 1 refused or found something, 2 bad input, 3 unreachable."""
    try:
        app()
    except DavylampError as error:
        sys.stderr.write(f"davylamp: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
