"""Which builds are connected to the databases: a witness of what runs, past the platform.

Sessions come and go while the platform is being asked, so a build that nothing else knows of
counts only when a second look finds it too.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from davylamp.audit.inventory import Client
from davylamp.catalog.databases import Database as Entry
from davylamp.errors import DavylampError
from davylamp.rollout.databases import target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.witness import clients_of, is_own, name_of_build

_AT_ONCE = 8
_PAUSE_SECONDS = 2.5
Clients = dict[str, tuple[Client, ...]]
"""By database; those that could not be asked are missing."""


def clients_at(
    parts: Parts, entries: Mapping[str, Entry], alive: Collection[tuple[str, str]]
) -> Clients:
    """Sessions by service and version. `alive` are those known to run, or to be meant to."""
    found = _ask(parts, entries)
    strange = {name for name, clients in found.items() if _strange(clients, alive)}
    if strange:
        time.sleep(_PAUSE_SECONDS)
        again = _ask(parts, {name: entries[name] for name in strange})
        for name in strange:
            lasting = _strange(again.get(name, ()), alive)
            found[name] = tuple(
                c for c in found[name] if _is_known(c, alive) or _key(c) in map(_key, lasting)
            )
    return found


def _ask(parts: Parts, entries: Mapping[str, Entry]) -> Clients:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="clients") as pool:
        asked = {name: pool.submit(_clients, parts, name, e) for name, e in entries.items()}
    answers = {name: one.result() for name, one in asked.items()}
    return {name: found for name, found in answers.items() if found is not None}


def _clients(parts: Parts, name: str, entry: Entry) -> tuple[Client, ...] | None:
    """None when it doesn't answer."""
    try:
        found = clients_of(target_of(parts.settings, name, entry))
    except DavylampError:
        return None
    named = [(c.name.rpartition("@"), c.sessions) for c in found if not is_own(c.name)]
    return tuple(
        Client(service=service, version=version, sessions=sessions)
        for (service, at, version), sessions in named
        if at and service
    )


def _strange(clients: Iterable[Client], alive: Collection[tuple[str, str]]) -> list[Client]:
    return [one for one in clients if not _is_known(one, alive)]


def _is_known(client: Client, alive: Collection[tuple[str, str]]) -> bool:
    """PostgreSQL cuts long names."""
    return f"{client.service}@{client.version}" in {name_of_build(*one) for one in alive}


def _key(client: Client) -> tuple[str, str]:
    return client.service, client.version
