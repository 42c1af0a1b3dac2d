"""What Envoy has in force, beside what was confirmed.

Routers follow the ledger within a second or so, so a difference counts only when a second look
finds it too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from davylamp.audit.inventory import Route
from davylamp.judge.sample import Role
from davylamp.ledger.intent import ServiceRoute
from davylamp.ledger.routes import read_fleet
from davylamp.rollout.parts import Parts
from davylamp.traffic.effective import Weights, effective
from davylamp.traffic.envoy import names

_SECONDS = 3.0
_MILLION = 1_000_000


def look_at_routes(
    parts: Parts, stable: Mapping[str, str], candidate: Mapping[str, str]
) -> tuple[Route, ...]:
    """Routes whose generation is confirmed; none where no Envoy is known. `stable` and
    `candidate` are digests by service."""
    url = parts.settings.addresses().envoy_admin_url
    if not url:
        return ()
    found = _look(parts, url, stable, candidate)
    if any(_differs(one) for one in found):
        time.sleep(parts.settings.ttl_seconds / 2)
        found = _look(parts, url, stable, candidate)
    return found


def _look(
    parts: Parts, url: str, stable: Mapping[str, str], candidate: Mapping[str, str]
) -> tuple[Route, ...]:
    ttl = parts.settings.ttl_seconds
    with parts.ledger.begin() as db:
        before, _ = read_fleet(db)
    envoy = _ask(url)
    with parts.ledger.begin() as db:
        after, now = read_fleet(db)
    return tuple(
        _route(name, route, effective(route, now, ttl), envoy, stable[name], candidate.get(name))
        for name, route in after.items()
        if stable.get(name) and _is_settled(route, before.get(name))
    )


def _is_settled(route: ServiceRoute, before: ServiceRoute | None) -> bool:
    """Confirmed, and not changed while Envoy was being asked."""
    if before is None or not route.intent.is_confirmed:
        return False
    is_same = route.intent.generation == before.intent.generation
    return is_same and route.endpoints == before.endpoints


def _route(
    name: str,
    route: ServiceRoute,
    meant: Weights,
    envoy: tuple[Mapping[str, float], Mapping[str, tuple[str, ...]]] | None,
    stable: str,
    candidate: str | None,
) -> Route:
    if envoy is None:
        return Route(service=name, intended={stable: 1.0}, observed=None)
    shares, endpoints = envoy
    seen = shares.get(names.candidate_key(name, route.intent.release_id or 0), 0.0)
    other = candidate or "a candidate"
    return Route(
        service=name,
        intended=_weights(stable, other, meant.candidate),
        observed=_weights(stable, other, seen),
        intended_endpoints=tuple(sorted(route.endpoints.get(Role.STABLE, ()))),
        observed_endpoints=endpoints.get(names.cluster_name(name, Role.STABLE), ()),
    )


def _weights(stable: str, candidate: str, share: float) -> dict[str, float]:
    """The baseline runs the stable build, so its share is stable's."""
    found = {stable: 1.0 - share}
    if share:
        found[candidate] = found.get(candidate, 0.0) + share
    return found


def _differs(route: Route) -> bool:
    return route.intended != route.observed or (
        set(route.intended_endpoints or ()) != set(route.observed_endpoints or ())
    )


def _ask(url: str) -> tuple[Mapping[str, float], Mapping[str, tuple[str, ...]]] | None:
    """Shares by runtime key, and endpoints by cluster; None when Envoy doesn't answer."""
    try:
        with httpx.Client(base_url=url, timeout=_SECONDS, trust_env=False) as client:
            runtime = client.get("/runtime").raise_for_status().json()
            clusters = client.get("/clusters", params={"format": "json"}).raise_for_status().json()
        return _shares(runtime), _endpoints(clusters)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _shares(document: Any) -> dict[str, float]:
    return {
        key: _fraction(entry["final_value"])
        for key, entry in document.get("entries", {}).items()
        if key.startswith("cand.")
    }


def _fraction(value: str) -> float:
    """Envoy prints a fraction as text: its numerator is what is needed."""
    digits = "".join(c if c.isdigit() else " " for c in value).split()
    return int(digits[0]) / _MILLION if digits else 0.0


def _endpoints(document: Any) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for cluster in document.get("cluster_statuses", []):
        hosts = [h["address"]["socket_address"] for h in cluster.get("host_statuses", [])]
        found[cluster["name"]] = tuple(f"{h['address']}:{h['port_value']}" for h in hosts)
    return found
