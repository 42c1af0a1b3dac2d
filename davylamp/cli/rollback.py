"""`davylamp rollback`: users back to the stable build at once; or to an older one, if it can
read what was written since."""

from __future__ import annotations

from typing import Annotated

import typer

from davylamp.catalog.load import load_catalog
from davylamp.cli.follow import follow_request
from davylamp.cli.output import emit
from davylamp.cli.release import AsJson, Service, Why, asked, conduct_here, connect_for, who
from davylamp.errors import BadInput
from davylamp.ledger import evidence
from davylamp.ledger.session import Ledger
from davylamp.rollout import operate
from davylamp.rollout.go_back import WayBack, go_back, look_back
from davylamp.settings import Settings, load_settings


def rollback(
    service: Service,
    to: Annotated[
        str, typer.Option("--to", help="An earlier version, once no release is active.")
    ] = "",
    override: Annotated[
        bool,
        typer.Option("--override", help="Go back although rows may be unreadable; needs --why."),
    ] = False,
    why: Why = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="With --to: follow it until it has ended.")
    ] = False,
    here: Annotated[
        bool, typer.Option("--here", help="With --to: conduct it here, without Dagster.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """All users back to stable, now: one row, held up by nothing. With --to: to an older build, if
    it can read what was written since."""
    settings = load_settings()
    ledger = connect_for(settings, service)
    if to:
        _to_an_older_build(
            settings, ledger, service, to, _reason(override, why), wait, here, as_json
        )
        return
    if override or wait or here:
        raise BadInput("--override, --wait and --here go with --to VERSION")
    intent = operate.roll_back(ledger, service, who(), why)
    document = {"service": service, "generation": intent.generation, "reason": intent.reason}
    emit(document, as_json, lambda c: c.print(f"{service} goes back to stable: {intent.reason}"))


def _reason(override: bool, why: str) -> str | None:
    if override and not why.strip():
        raise BadInput("--override needs --why REASON: it is kept in the ledger")
    return why if override else None


def _to_an_older_build(
    settings: Settings,
    ledger: Ledger,
    service: str,
    version: str,
    override: str | None,
    wait: bool,
    here: bool,
    as_json: bool,
) -> None:
    entry = load_catalog(settings.catalog).service(service)
    way = look_back(settings, ledger, entry, version)
    go_back(ledger, way, who(), override)
    overridden = override if way.problem else None
    if here:
        conduct_here(settings, service, way.image, as_json, overridden)
        return
    with ledger.begin() as db:
        request = evidence.ask_for_release(db, service, way.image, who(), overridden)
    if wait:
        follow_request(ledger, request, 7200.0, as_json)
        return
    document = {"request": request, "image": way.image, "overridden": overridden}
    emit(document | way.document(), as_json, lambda c: c.print(_said(way, request)))


def _said(way: WayBack, request: int) -> str:
    clean = "what was written since can be read" if not way.problem else way.problem
    return f"{clean}; {asked(request, way.service.name)}"
