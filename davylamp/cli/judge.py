"""`davylamp judge`: the judge on recorded data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.cli.judge_plan import plan
from davylamp.cli.judge_record import record
from davylamp.cli.judge_stream import stream
from davylamp.cli.output import emit
from davylamp.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="The judge on recorded data.")


@app.callback()
def group() -> None:
    """The judge on recorded data."""


app.command()(plan)
app.command()(record)
app.command()(stream)


@app.command()
def kayenta(
    file: Annotated[str, typer.Argument(help="JSON document of metrics; - reads standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Judge a fixed window as Kayenta does. Exit 0: PASS; 1: MARGINAL or FAIL; 2: bad input.

    The smallest document: {"metrics": [{"name": "errors", "control": [1, 2, 1], "experiment":
    [9, 8, 9]}]}. docs/judge.md has all the fields.
    """
    from davylamp.judge.kayenta import judge_document
    from davylamp.judge.kayenta.fields import WrongDocument

    source = "standard input" if file == "-" else file
    try:
        answer = judge_document(_parsed(_read(file, source), source))
    except WrongDocument as error:
        raise BadInput(f"{source}: {error}") from error
    emit(answer, as_json, lambda console: _show(console, answer))
    if answer["outcome"] != "PASS":
        raise typer.Exit(1)


def _read(file: str, source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise BadInput(f"{source}: cannot be read ({error}); give a file of JSON, or -") from error


def _parsed(content: bytes, source: str) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        raise BadInput(f"{where}: not JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{source}: not JSON that can be read ({error})") from error


def _show(console: Console, answer: dict[str, Any]) -> None:
    table = Table("metric", "classification", "why", title=_title(answer))
    for metric in answer["metrics"]:
        said = metric["classification"] + (" (critical)" if metric["critical"] else "")
        table.add_row(_plain(metric["name"]), Text(said), _plain(metric["reason"]))
    console.print(table)


def _title(answer: dict[str, Any]) -> str:
    return (
        f"{answer['outcome']}, score {answer['score']:.2f}; by fail ratio "
        f"{answer['fail_ratio']:.2f}: {answer['fail_ratio_outcome']}"
    )


def _plain(text: str) -> Text:
    """Text from outside: no markup, and nothing a terminal cannot take."""
    return Text("".join(c if c.isprintable() else "?" for c in text))
