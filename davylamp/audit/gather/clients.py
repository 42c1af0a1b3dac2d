"""Which builds are connected to the databases: a witness of what runs, past the platform.

Sessions come and go while the platform is being asked, so a build that nothing else knows of
counts only when a second look finds it too.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping

from davylamp.audit.gather.at_once import ask_all
from davylamp.audit.inventory import Client
from davylamp.catalog.databases import Database as Entry
from davylamp.rollout.databases import target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.witness import clients_of, is_own, name_of_build

_PAUSE_SECONDS = 2.5
Clients = dict[str, tuple[Client, ...]]
"""By database; those that could not be asked are missing."""


def clients_at(
    parts: Parts, entries: Mapping[str, Entry], alive: Collection[tuple[str, str]]
) -> Clients:
    """Sessions by service and version. `alive` are those known to run, or to be meant to."""
    names = {name_of_build(*one) for one in alive}  # PostgreSQL cuts long ones

    def strange(clients: Iterable[Client]) -> set[str]:
        return {one.name for one in clients} - names

    found = _ask(parts, entries)
    doubtful = {name: entries[name] for name, clients in found.items() if strange(clients)}
    if doubtful:
        time.sleep(_PAUSE_SECONDS)
        again = _ask(parts, doubtful)
        for name in doubtful:
            there = names | strange(again.get(name, ()))
            found[name] = tuple(one for one in found[name] if one.name in there)
    return found


def _ask(parts: Parts, entries: Mapping[str, Entry]) -> Clients:
    def clients(name: str, entry: Entry) -> tuple[Client, ...]:
        found = clients_of(target_of(parts.settings, name, entry))
        named = [(c.name.rpartition("@"), c.sessions) for c in found if not is_own(c.name)]
        return tuple(
            Client(service=service, version=version, sessions=sessions)
            for (service, at, version), sessions in named
            if at and service
        )

    return ask_all(entries, clients)
