"""`davylamp audit`: what in the fleet isn't what the ledger says it should be; who was told of it,
and what is done about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from davylamp.cli.audit_alerts import alerts
from davylamp.cli.audit_metrics import metrics
from davylamp.cli.audit_repair import repair
from davylamp.cli.output import emit
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.audit.inventory import Inventory
    from davylamp.audit.waivers import Waiver


app = typer.Typer()


@app.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    inventory: Annotated[
        str, typer.Option(help="JSON file of what was seen; - reads standard input.")
    ] = "",
    waivers: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of findings that somebody answers for; else DAVYLAMP_WAIVERS_FILE."
        ),
    ] = None,
    service: Annotated[str, typer.Option(help="Only this service.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Hold the whole fleet against the ledger. Exit 1 when there is a critical finding.

    Without --inventory it asks the ledger, the platform, the routers and the databases.
    docs/audit.md has the codes, the format of the inventory, and waivers.
    """
    if context.invoked_subcommand is not None:
        _check_nothing_is_lost(context)
        return
    from davylamp.audit.run import run_audit
    from davylamp.cli.audit_screen import show

    waived = _waivers(waivers, is_live=not inventory)
    seen = _from_file(inventory) if inventory else _from_live_parts()
    if service:
        _check_service(seen, service)
    found = run_audit(seen, waived, service)
    emit(found.document(), as_json, lambda console: show(console, found))
    if found.is_critical:
        raise typer.Exit(1)


app.command()(alerts)
app.command()(metrics)
app.command()(repair)


def _check_nothing_is_lost(context: typer.Context) -> None:
    """An option before a subcommand would be the audit's, and be forgotten."""
    command = context.invoked_subcommand
    given = ", ".join(one.opts[0] for one in context.command.params if context.params.get(one.name))
    if given:
        raise BadInput(f"{given}: options of `davylamp audit {command}` come after `{command}`")


def _from_file(file: str) -> Inventory:
    from davylamp.audit.inventory_file import read_inventory

    source = "standard input" if file == "-" else file
    return read_inventory(_read(file, source), source)


def _from_live_parts() -> Inventory:
    from davylamp.audit.gather.everything import gather
    from davylamp.rollout.parts import open_parts
    from davylamp.settings import load_settings

    parts = open_parts(load_settings())
    try:
        return gather(parts)
    finally:
        parts.close()


def _waivers(file: Path | None, *, is_live: bool) -> list[Waiver]:
    """By default those of the settings, for the fleet that the settings name."""
    from davylamp.audit.waiver_file import read_waivers, waivers_of
    from davylamp.settings import load_settings

    if file is None:
        return waivers_of(load_settings().waivers_path) if is_live else []
    return read_waivers(_read(str(file), f"--waivers {file}"), f"--waivers {file}")


def _read(file: str, source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise BadInput(f"{source}: cannot be read ({error})") from error


def _check_service(seen: Inventory, service: str) -> None:
    known = {one.name for one in seen.services} | {one.service for one in seen.instances}
    if service not in known:
        some = ", ".join(sorted(known)[:20]) or "none at all"
        raise BadInput(
            f"--service {service}: neither catalog nor platform has it; there are {some}"
        )
