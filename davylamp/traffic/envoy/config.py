"""The fleet as the documents Envoy watches. Pure: routes and catalog in, documents out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from davylamp.catalog.model import Catalog, Route
from davylamp.judge.sample import Role
from davylamp.ledger.intent import ServiceRoute
from davylamp.traffic.envoy import names
from davylamp.traffic.envoy.clusters import cluster, is_address
from davylamp.traffic.envoy.sharing import Trial, cookie_reader, matcher
from davylamp.traffic.envoy.shield import stable_routes

Document = dict[str, Any]

_TOKEN = re.compile(r"[0-9A-Za-z!#$&'*+.^_`|~-]+")
_HOST = re.compile(r"[0-9A-Za-z._*-]+(:\d+)?")


@dataclass(frozen=True)
class Last:
    """What was in force before, and stays where nothing better is known."""

    stable_addresses: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    """By stable cluster: they stay while the ledger knows no stable instance."""
    hosts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Host → service: nobody loses a host to another service that claims it too."""


@dataclass(frozen=True)
class Fleet:
    """What Envoy shall know, and what had to be left out of it and why."""

    clusters: dict[str, Document] = field(default_factory=dict[str, Document])
    virtual_hosts: list[Document] = field(default_factory=list[Document])
    trials: dict[str, Trial] = field(default_factory=dict[str, Trial])
    """Releases that users may meet, by service."""
    served: set[str] = field(default_factory=set[str])
    """Services whose hosts lead to them."""
    complaints: dict[str, str] = field(default_factory=dict[str, str])


def fleet_of(
    routes: Mapping[str, ServiceRoute],
    catalog: Catalog,
    last: Last,
) -> Fleet:
    """What Envoy shall know of these routes.

    One service's mistake never keeps others from their routes.
    """
    fleet = Fleet()
    taken = _kept_hosts(routes, catalog, last)
    for name in sorted(routes):
        service = catalog.services.get(name)
        if service is None:
            fleet.complaints[name] = "the catalog does not have it, so its hosts are not known"
            continue
        hosts, complaint = _free_hosts(name, service.route.hosts, taken)
        if complaint:
            fleet.complaints[name] = complaint
        _add_stable(fleet, name, routes[name], last)
        trial = _trial(name, routes[name], service.route, fleet)
        if trial is not None:
            fleet.trials[name] = trial
            _add_trial_clusters(fleet, trial, routes[name])
        if hosts:
            fleet.served.add(name)
            fleet.virtual_hosts.append(_virtual_host(name, hosts, service.route, trial))
    if "*" not in taken:
        fleet.virtual_hosts.append(_unknown_host())
    return fleet


def trial_of(name: str, route: ServiceRoute) -> Trial | None:
    """The release users may meet; None without one, or without an instance of its candidate."""
    intent = route.intent
    if intent.release_id is None or not usable(route, Role.CANDIDATE):
        return None
    baseline = bool(usable(route, Role.BASELINE))
    return Trial(name, intent.release_id, intent.seed % 2**64, baseline)


def usable(route: ServiceRoute, role: Role) -> tuple[str, ...]:
    return tuple(a for a in route.endpoints.get(role, ()) if is_address(a))


def cds_document(clusters: Iterable[Document]) -> Document:
    return _versioned(sorted(clusters, key=lambda c: c["name"]))


def rds_document(virtual_hosts: list[Document]) -> Document:
    return _versioned(
        [
            {
                "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
                "name": names.ROUTES,
                "virtual_hosts": virtual_hosts,
                "ignore_port_in_host_matching": True,
                "validate_clusters": False,
            }
        ]
    )


def empty_documents() -> tuple[Document, Document]:
    """CDS and RDS of a fleet nobody has spoken of yet."""
    return cds_document([]), rds_document([_unknown_host()])


def referenced_clusters(rds: Document) -> set[str]:
    """Every cluster a route document sends requests to."""
    return set(re.findall(r'"cluster(?:_name)?": "([^"]+)"', json.dumps(rds)))


def _versioned(resources: list[Document]) -> Document:
    content = json.dumps(resources, sort_keys=True).encode()
    return {"version_info": hashlib.sha256(content).hexdigest()[:16], "resources": resources}


def _add_stable(fleet: Fleet, name: str, route: ServiceRoute, last: Last) -> None:
    stable = names.cluster_name(name, Role.STABLE)
    addresses = usable(route, Role.STABLE)
    if not addresses and last.stable_addresses.get(stable):
        addresses = last.stable_addresses[stable]
        fleet.complaints[name] = "no stable instance is known; the last known ones stay in place"
    fleet.clusters[stable] = cluster(stable, addresses)


def _trial(name: str, route: ServiceRoute, wish: Route, fleet: Fleet) -> Trial | None:
    trial = trial_of(name, route)
    wrong = [
        f"{field}: {value!r}"
        for field in ("user_header", "user_cookie", "tester_header")
        if not _TOKEN.fullmatch(value := getattr(wish, field))
    ]
    if trial is not None and wrong:
        fleet.complaints[name] = f"no header or cookie can have this name: {', '.join(wrong)}"
        return None
    return trial


def _add_trial_clusters(fleet: Fleet, trial: Trial, route: ServiceRoute) -> None:
    for role in (Role.CANDIDATE, Role.BASELINE):
        if addresses := usable(route, role):
            for found in (trial.cluster(role), trial.testers_cluster(role)):
                fleet.clusters[found] = cluster(found, addresses)


def _kept_hosts(routes: Mapping[str, ServiceRoute], catalog: Catalog, last: Last) -> dict[str, str]:
    """Hosts that stay with the service they led to, as long as it still asks for them."""
    return {
        host: name
        for host, name in last.hosts.items()
        if name in routes
        and name in catalog.services
        and host in (h.lower() for h in catalog.services[name].route.hosts)
    }


def _free_hosts(service: str, hosts: Iterable[str], taken: dict[str, str]) -> tuple[list[str], str]:
    """Hosts nobody else has: Envoy refuses the whole fleet's routes for one host given twice."""
    free: list[str] = []
    refused: list[str] = []
    for host in (h.lower() for h in hosts):
        if not _HOST.fullmatch(host):
            refused.append(f"{host!r} is no host name")
        elif taken.setdefault(host, service) != service:
            refused.append(f"{host} belongs to {taken[host]}")
        elif host not in free:
            free.append(host)
    return free, "; ".join(refused)


def _virtual_host(name: str, hosts: list[str], wish: Route, trial: Trial | None) -> Document:
    host: Document = {"name": name, "domains": hosts}
    if trial is None:
        return host | {"routes": stable_routes(names.cluster_name(name, Role.STABLE))}
    return host | {
        "matcher": matcher(trial, wish),
        "typed_per_filter_config": cookie_reader(wish),
    }


def _unknown_host() -> Document:
    body = (
        "No service of the fleet has this host name. "
        "The catalog's `route.hosts` name those that exist; `davylamp status` lists them.\n"
    )
    answer = {"status": 404, "body": {"inline_string": body}}
    return {
        "name": "*",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": answer}],
    }
