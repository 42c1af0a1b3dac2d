"""Following a release from the outside: its events as they are written, then how it ended."""

from __future__ import annotations

import time

import typer
from rich.console import Console

from davylamp.cli.output import emit
from davylamp.errors import Refused, Unreachable
from davylamp.ledger import evidence, inventory, releases
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Event, Release
from davylamp.ledger.session import Ledger

_POLL_SECONDS = 0.3


def follow_request(ledger: Ledger, request: int, timeout: float, as_json: bool) -> None:
    """Wait for the request's release to end. Exit 0 when it was promoted, else 1.

    Raises `Unreachable` when no run picked it up, or it did not end, in time.
    """
    deadline = time.monotonic() + timeout
    release_id = _wait_for_release(ledger, request, deadline)
    follow_release(ledger, release_id, max(1.0, deadline - time.monotonic()), as_json)


def follow_release(ledger: Ledger, release_id: int, timeout: float, as_json: bool) -> None:
    """Show a release's events until it has ended. Exit 0 when its build is live, else 1."""
    console = Console(stderr=as_json)
    deadline = time.monotonic() + timeout
    ended = _wait_for_end(ledger, release_id, deadline, console)
    document = {
        "release": ended.id,
        "service": ended.service,
        "version": ended.version,
        "outcome": ended.state,
        "reason": ended.reason,
        "figures": dict(ended.figures or {}),
    }
    emit(document, as_json, lambda c: c.print(f"[b]{ended.state}[/b]: {ended.reason}"))
    if ended.state is not ReleaseState.PROMOTED and not _is_live(ledger, ended):
        raise typer.Exit(1)


def _is_live(ledger: Ledger, release: Release) -> bool:
    """Refused because another release of the same build was faster: what was wanted is there."""
    with ledger.begin() as db:
        live = inventory.live_service(db, release.service)
    return release.state is ReleaseState.REFUSED and live.stable_digest == release.digest


def _wait_for_release(ledger: Ledger, request: int, deadline: float) -> int:
    while True:
        with ledger.begin() as db:
            found = evidence.get_request(db, request)
        if found is not None and found.refused_reason:
            raise Refused(found.refused_reason)
        if found is not None and found.release_id is not None:
            return found.release_id
        if time.monotonic() > deadline:
            raise Unreachable(
                f"request {request} was not picked up in time: is Dagster's daemon up? "
                "`davylamp status` shows it; `davylamp release … --here` works without"
            )
        time.sleep(_POLL_SECONDS)


def _wait_for_end(ledger: Ledger, release_id: int, deadline: float, console: Console) -> Release:
    shown = 0
    while True:
        with ledger.begin() as db:
            release = releases.get_release(db, release_id)
            news = releases.events_of(db, release_id, after=shown)
        for event in news:
            console.print(_line(event))
            shown = event.id
        if release.state.is_end:
            return release
        if time.monotonic() > deadline:
            raise Unreachable(
                f"release {release_id} is still {release.state} and goes on without you; "
                f"`davylamp rollback {release.service}` ends it"
            )
        time.sleep(_POLL_SECONDS)


def _line(event: Event) -> str:
    return f"[dim]{event.at:%H:%M:%S}[/dim] {event.kind:<14} {event.message}"
