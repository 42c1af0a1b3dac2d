"""Healthy fleets as inventory documents, and faults to plant in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from davylamp.audit.inventory import Inventory
from davylamp.audit.run import Audit, run_audit

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0
Document = dict[str, Any]
Expected = tuple[str, str | None, str | None]
"""Code, service, instance."""


def digest(name: str) -> str:
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def healthy(services: int, replicas: int = 3, releasing_every: int = 5) -> Document:
    """Each service with a database, a route and three builds: old, stable and next. Every
    `releasing_every`-th is being released, its candidate and baseline beside the wanted ones."""
    found: Document = {
        "now": NOW,
        "services": [],
        "builds": [],
        "instances": [],
        "flags": {
            "revision": 7,
            "published_at": NOW - HOUR,
            "active": ["dark-mode", "fast-path"],
            "retired": ["power-peg"],
        },
        "databases": [],
        "routes": [],
    }
    for number in range(services):
        add_service(found, f"s{number}", replicas, is_releasing=number % releasing_every == 0)
    return found


def add_service(
    found: Document, name: str, replicas: int = 3, *, is_releasing: bool = False
) -> None:
    stable, candidate = digest(f"{name} stable"), digest(f"{name} next")
    release = {"candidate_digest": candidate, "baseline_digest": stable}
    found["services"].append(
        {
            "name": name,
            "stable_digest": stable,
            "replicas": replicas,
            "release": release if is_releasing else None,
            "databases": [f"{name}_db"],
        }
    )
    for version in ("old", "stable", "next"):
        found["builds"].append(build(name, version))
    found["instances"] += [instance(name, f"{name}-{i}", stable) for i in range(replicas)]
    if is_releasing:
        found["instances"] += [
            instance(name, f"{name}-c", candidate, role="candidate"),
            instance(name, f"{name}-b", stable, role="baseline"),
        ]
    found["databases"].append(
        {"name": f"{name}_db", "revision": "r2", "lineage": ["r1", "r2", "r3", "r4"]}
    )
    weights = {stable: 0.95, candidate: 0.05} if is_releasing else {stable: 1.0}
    found["routes"].append({"service": name, "intended": weights, "observed": dict(weights)})


def build(service: str, version: str, **changed: Any) -> Document:
    return {
        "digest": digest(f"{service} {version}"),
        "service": service,
        "version": version,
        "known_bad": False,
        "contract": {
            "flags": ["dark-mode"],
            "databases": {f"{service}_db": {"min_revision": "r1", "max_revision": "r3"}},
        },
    } | changed


def instance(service: str, name: str, runs: str, **changed: Any) -> Document:
    return {
        "id": name,
        "service": service,
        "digest": runs,
        "started_at": NOW - DAY,
        "last_seen_at": NOW - 5,
        "flags_revision": 7,
        "role": "stable",
    } | changed


def audited(document: Document) -> Audit:
    return run_audit(Inventory.model_validate(document))


def found_in(document: Document) -> list[Expected]:
    return [(f.code, f.service, f.instance) for f in audited(document).findings]


@dataclass(frozen=True)
class Fault:
    """Plants itself at a service's first instance, and says what is to be found."""

    code: str
    plant: Callable[[Document, str], list[Expected]]


def _first(document: Document, service: str) -> Document:
    return next(i for i in document["instances"] if i["id"] == f"{service}-0")


def _changed(code: str, **values: Any) -> Fault:
    def plant(document: Document, service: str) -> list[Expected]:
        _first(document, service).update(values)
        return [(code, service, f"{service}-0")]

    return Fault(code, plant)


def _stale(document: Document, service: str) -> list[Expected]:
    _first(document, service)["digest"] = digest(f"{service} old")
    return [("stale_instance", service, f"{service}-0")]


def _known_bad(document: Document, service: str) -> list[Expected]:
    document["builds"].append(build(service, "bad", known_bad=True))
    _first(document, service)["digest"] = digest(f"{service} bad")
    return [("known_bad_build", service, f"{service}-0")]


def _leftover(document: Document, service: str) -> list[Expected]:
    runs = digest(f"{service} next")
    document["instances"].append(instance(service, f"{service}-x", runs, role="candidate"))
    _service(document, service)["release"] = None
    document["instances"] = [
        i for i in document["instances"] if i["id"] not in (f"{service}-c", f"{service}-b")
    ]
    return [("leftover_release", service, f"{service}-x")]


def _retired(document: Document, service: str) -> list[Expected]:
    for one in document["builds"]:
        if one["digest"] == digest(f"{service} stable"):
            one["contract"] = one["contract"] | {"flags": ["power-peg"]}
    return [("retired_flag_read", service, None)]


def _reused(document: Document, service: str) -> list[Expected]:
    document["flags"]["retired"].append(f"{service}-flag")
    document["flags"]["active"].append(f"{service}-flag")
    return [("flag_reused", None, None)]


def _schema(document: Document, service: str) -> list[Expected]:
    _database(document, service)["revision"] = "r4"
    return [("schema_outside_contract", service, None)]


def _overdue(document: Document, service: str) -> list[Expected]:
    _database(document, service)["migrated_at"] = NOW - 8 * DAY
    return [("overdue_contract", service, None)]


def _route(document: Document, service: str) -> list[Expected]:
    route = next(r for r in document["routes"] if r["service"] == service)
    route["observed"] = {digest(f"{service} stable"): 0.5, digest(f"{service} old"): 0.5}
    return [("route_drift", service, None)]


def _missing(document: Document, service: str) -> list[Expected]:
    document["instances"].remove(_first(document, service))
    return [("missing_instances", service, None)]


def _unknown_service(document: Document, service: str) -> list[Expected]:
    name = f"{service}-deleted"
    document["instances"].append(instance(name, f"{name}-0", digest("whatever")))
    return [("unknown_service", name, f"{name}-0")]


def _duplicate(document: Document, service: str) -> list[Expected]:
    document["instances"].append(dict(_first(document, service)))
    return [("duplicate_instance", service, f"{service}-0")]


def _service(document: Document, name: str) -> Document:
    return next(s for s in document["services"] if s["name"] == name)


def _database(document: Document, service: str) -> Document:
    return next(d for d in document["databases"] if d["name"] == f"{service}_db")


FAULTS = (
    Fault("stale_instance", _stale),
    _changed("unknown_build", digest=digest("built by hand")),
    Fault("leftover_release", _leftover),
    Fault("retired_flag_read", _retired),
    Fault("flag_reused", _reused),
    Fault("schema_outside_contract", _schema),
    Fault("route_drift", _route),
    _changed("unreachable_instance", last_seen_at=NOW - 120),
    Fault("missing_instances", _missing),
    _changed("stale_flag_set", flags_revision=6),
    Fault("known_bad_build", _known_bad),
    Fault("overdue_contract", _overdue),
    Fault("unknown_service", _unknown_service),
    Fault("duplicate_instance", _duplicate),
    _changed("witness_disagrees", witnesses={"its own report": digest("another"), "proxy": None}),
)
"""One for every code."""

SEVERITIES = dict.fromkeys((fault.code for fault in FAULTS), "critical") | dict.fromkeys(
    (
        "unreachable_instance",
        "missing_instances",
        "stale_flag_set",
        "overdue_contract",
        "duplicate_instance",
    ),
    "warning",
)
