"""`davylamp audit metrics`: the audit's figures for Prometheus."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.ledger.session import Ledger


def metrics(
    file: Annotated[
        Path | None,
        typer.Option(help="Write them here in one step, e.g. for node_exporter's textfile folder."),
    ] = None,
    serve: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve them at /metrics on this port.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen, with --serve; for other machines too: 0.0.0.0")
    ] = "127.0.0.1",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print what the last audit found, as figures in Prometheus's text format."""
    from davylamp.audit.alerts.metrics import document, exposition_of
    from davylamp.audit.alerts.read_metrics import read_metrics
    from davylamp.cli.output import emit
    from davylamp.ledger.session import Ledger
    from davylamp.settings import load_settings

    if serve is not None and (file is not None or as_json):
        raise BadInput("--serve goes with neither --file nor --json: it answers to scrapes only")
    ledger = Ledger.connect(load_settings().require("ledger_url"))
    try:
        if serve is not None:
            _serve(ledger, host, serve)
        found = read_metrics(ledger)
    finally:
        ledger.close()
    text = exposition_of(found)
    if file is not None:
        _write(file, text)
    told = {"metrics": document(found), "file": str(file) if file else None}
    if as_json:
        emit(told, as_json, lambda _: None)
    elif file is None:
        sys.stdout.write(text)


def _write(file: Path, text: str) -> None:
    """Who reads meanwhile finds the old file or the new one."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BadInput(f"--file {file}: cannot be written ({error})") from error


def _serve(ledger: Ledger, host: str, port: int) -> NoReturn:
    """Until SIGTERM or SIGINT."""
    from davylamp.audit.alerts.serve_metrics import metrics_server

    server = metrics_server(ledger, host, port)

    def end(_number: int, _frame: object) -> NoReturn:
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    sys.stderr.write(f"http://{host}:{server.server_port}/metrics\n")
    with server:
        server.serve_forever()
    sys.exit(0)
