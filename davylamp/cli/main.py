"""`davylamp`: puts the commands together, and turns errors into exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from davylamp import __version__
from davylamp.errors import DavylampError

GROUPS = ("audit", "catalog", "build", "judge", "report", "schema")
"""Command groups, each in the file of its name."""
COMMANDS = {
    "demo": "demo.command",
    "up": "plane",
    "down": "plane",
    "status": "status",
    "release": "release",
    "rollback": "rollback",
    "promote": "release",
    "hold": "release",
    "freeze": "release",
    "thaw": "release",
    "forgive": "release",
    "forecast": "forecast",
    "tidy": "tidy",
}
"""Command → file of this package that has a function of its name."""


def make_app(wanted: str = "") -> typer.Typer:
    """The command line; only one command of it when that is known already, which is faster."""
    app = typer.Typer(
        name="davylamp",
        help="Releases in which a bad version hurts almost nobody.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback(invoke_without_command=True)(_main_options)
    one = wanted in GROUPS or wanted in COMMANDS or wanted == "--version"
    for name, module in COMMANDS.items():
        if not one or name == wanted:
            app.command(name)(getattr(_file(module), name))
    for name in GROUPS:
        if not one or name == wanted:
            app.add_typer(_file(name).app, name=name)
    return app


def main() -> None:
    """Run a command. 0 fine, 1 refused or found something, 2 bad input, 3 unreachable."""
    try:
        make_app(sys.argv[1] if len(sys.argv) > 1 else "")()
    except DavylampError as error:
        sys.stderr.write(f"davylamp: {error}\n")
        sys.exit(error.exit_code)


def _main_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _file(name: str):
    return importlib.import_module(f"davylamp.cli.{name}")


if __name__ == "__main__":
    main()
