"""gather: the whole fleet as it is now, from ledger, platform, routers, databases and copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from davylamp.audit.gather.clients import clients_at
from davylamp.audit.gather.copies import copies_of, seen_copies
from davylamp.audit.gather.databases import (
    Looks,
    contract_of,
    databases_named,
    databases_of,
    look_at_all,
)
from davylamp.audit.gather.flag_file import FlagFile
from davylamp.audit.gather.known_builds import builds_named, read_builds
from davylamp.audit.gather.recorded import read_recorded
from davylamp.audit.gather.routes import look_at_routes
from davylamp.audit.gather.witnesses import ask_witnesses
from davylamp.audit.inventory import ActiveRelease, Build, Inventory, Route, Service
from davylamp.catalog.model import Service as Entry
from davylamp.ledger.builds import Build as Known
from davylamp.ledger.instance import Instance
from davylamp.ledger.inventory import Live
from davylamp.ledger.releases import Release
from davylamp.rollout.parts import Parts
from davylamp.rollout.past import contract_from


def gather(parts: Parts) -> Inventory:
    """Raises `Unreachable` for the ledger alone: what else doesn't answer is in the inventory as
    something that wasn't seen.

    The ledger is read before and after the platform: a release that begins or ends meanwhile
    is not a reason to call its copies left over.
    """
    flags = FlagFile(parts.settings.flags_path).read()
    before = read_recorded(parts.ledger)
    seen = seen_copies(parts.platform)
    after = read_recorded(parts.ledger)
    reports = ask_witnesses(seen or ())
    known = read_builds(parts.ledger, builds_named(after, seen or (), reports))
    looks = look_at_all(parts)
    active = {**before.active, **after.active}
    stable = {name: one.stable_digest or "" for name, one in after.live.items()}
    candidates = {name: one.digest for name, one in active.items() if one.digest}
    meant = {*stable.items(), *candidates.items()}
    running = {(one.service, one.digest) for one in (*(seen or ()), *after.copies.values())}
    alive = {(b.service, b.version) for b in known if (b.service, b.digest) in meant | running}
    clients = clients_at(
        parts, {n: e for n, e in databases_named(parts).items() if n in looks}, alive
    )
    routes = look_at_routes(parts, stable, candidates)
    return Inventory(
        now=after.now.timestamp(),
        services=tuple(_services(parts.catalog.services, after.live, active)),
        builds=tuple(_builds(known, looks)),
        instances=tuple(copies_of(seen, after, reports)),
        flags=flags,
        databases=databases_of(looks, clients),
        routes=routes,
        unseen=_unseen(_needed(parts, {*before.live, *active}), seen, looks, routes),
    )


def _needed(parts: Parts, released: set[str]) -> set[str]:
    """Databases of what was released, or is being: others need not be there yet."""
    known = parts.catalog.services
    return {name for service in released & known.keys() for name in known[service].databases}


def _unseen(
    needed: set[str], seen: Sequence[Instance] | None, looks: Looks, routes: tuple[Route, ...]
) -> dict[str, str]:
    found = {f"database {name}": "did not answer" for name in sorted(needed - looks.keys())}
    if seen is None:
        found["platform"] = "did not answer: copies are as the ledger last knew them"
    if any(one.observed is None for one in routes):
        found["routers"] = "none could be asked what is in force"
    return found


def _services(
    catalog: Mapping[str, Entry], live: Mapping[str, Live], active: Mapping[str, Release]
) -> list[Service]:
    return [
        _service(entry, live.get(name, Live(name)), active.get(name))
        for name, entry in catalog.items()
    ]


def _service(entry: Entry, live: Live, release: Release | None) -> Service:
    """A service that was never released wants no copies yet."""
    return Service(
        name=entry.name,
        stable_digest=live.stable_digest,
        stable_since=live.stable_since.timestamp() if live.stable_since else None,
        replicas=entry.instances if live.stable_digest else 0,
        release=release
        and ActiveRelease(candidate_digest=release.digest, baseline_digest=release.stable_digest),
        databases=tuple(entry.databases),
    )


def _builds(known: Sequence[Known], looks: Looks) -> list[Build]:
    return [
        Build(
            digest=one.digest,
            service=one.service,
            version=one.version,
            known_bad=one.known_bad_reason is not None,
            contract=contract_of(contract_from(one.contract), looks),
        )
        for one in known
    ]
