"""What a person does to a release by hand. Rolling back is one row, and asks nobody."""

from __future__ import annotations

from davylamp.errors import BadInput, Refused
from davylamp.ledger import evidence, inventory, releases, routes
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger


def roll_back(ledger: Ledger, service: str, by: str, why: str) -> RouteIntent:
    """All users of a service back to stable, now. Works with Dagster and everything else down.

    Its driver finds itself fenced off and ends the release; if there is none, the keeper does.
    """
    with ledger.begin() as db:
        running = releases.active_release(db, service)
        if running is None:
            raise Refused(_nothing_to_roll_back(inventory.live_service(db, service)))
        running = releases.lock_release(db, running.id)
        if running.state is ReleaseState.CONFIRMING:
            raise Refused(_nothing_to_roll_back(inventory.live_service(db, service)))
        reason = f"rolled back by {by}: {why or 'no reason given'}"
        if running.digest and running.traffic_at:
            evidence.mark_bad(db, service, running.digest, reason)
        intent = routes.cut_route(db, service, reason)
        releases.append_event(db, running.id, "rollback_by_hand", reason)
    return intent


def promote(ledger: Ledger, service: str, by: str, why: str) -> Release:
    """Have the active release promoted at its next tick, whatever the judge says by then,
    short of gross harm."""
    with ledger.begin() as db:
        return releases.wish(db, service, "promote", by, why)


def hold(ledger: Ledger, service: str, by: str, why: str) -> Release:
    """Keep the active release where it is, until somebody promotes it or the deadline."""
    with ledger.begin() as db:
        return releases.wish(db, service, "hold", by, why)


def freeze(ledger: Ledger, service: str, reason: str | None) -> None:
    """Let no release of a service begin, or (with None) let them begin again."""
    with ledger.begin() as db:
        inventory.set_freeze(db, service, reason)


def forgive(ledger: Ledger, service: str, digest: str) -> None:
    """Let a build that was once taken back be released again."""
    with ledger.begin() as db:
        if not evidence.mark_bad(db, service, digest, None):
            raise BadInput(
                f"the ledger has no build {digest} of {service}; "
                f"`davylamp status {service} --json` has the digests of its releases"
            )


def _nothing_to_roll_back(live: inventory.Live) -> str:
    runs = f"it runs {live.stable_version}" if live.stable_version else "it runs nothing yet"
    return (
        f"{live.name} has no active release to roll back; {runs}. To go to another build: "
        f"`davylamp rollback {live.name} --to VERSION`, if it can read what was written since"
    )
