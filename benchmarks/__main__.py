"""`python -m benchmarks [NAME …] [--quick] [--json]`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import psutil
from rich.console import Console

from benchmarks.report import Report
from davylamp.errors import DavylampError

NAMES = (
    "switch",
    "overhead",
    "waiting_run",
    "ledger_writes",
    "signals_read",
    "schema_lint",
    "schema_backfill",
    "audit",
    "fleet",
)
"""One file each, with `run(quick) -> Report`."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: does it work at all")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}: there are {', '.join(NAMES)}")
    _forget_surroundings()
    signal.signal(signal.SIGTERM, _end)  # or the planes would be left behind
    reports: dict[str, Report] = {}
    for name in given.names or NAMES:
        try:
            reports[name] = importlib.import_module(f"benchmarks.{name}").run(given.quick)
        except DavylampError as error:
            print(f"benchmarks: {name}: {error}", file=sys.stderr)
            return error.exit_code
        if not given.json:
            reports[name].show(Console())
    if given.json:
        print(json.dumps(_document(reports, given.quick), indent=2))
    return 0


def _forget_surroundings() -> None:
    """A plane somebody works with must not be the one that is measured."""
    for name in [n for n in os.environ if n.startswith("DAVYLAMP_")]:
        del os.environ[name]


def _document(reports: dict[str, Report], quick: bool) -> dict[str, Any]:
    memory_gib = round(psutil.virtual_memory().total / 2**30)
    machine = {"cores": os.cpu_count(), "memory_gib": memory_gib}
    found = {name: report.document() for name, report in reports.items()}
    return {"machine": machine, "quick": quick, "benchmarks": found}


def _end(*_: object) -> NoReturn:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
