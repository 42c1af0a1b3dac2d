"""One build of one service as an Envoy cluster. Pure.

Endpoints stand in the cluster itself. A file of endpoints for each cluster would need one
inotify instance each, and Envoy aborts when the system's 128 are used up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]

_CONNECT_SECONDS = 1.0
_IDLE_SECONDS = 3.0
_PLENTY = 100_000
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(name: str, addresses: Iterable[str]) -> Document:
    """A cluster that spreads requests over `addresses` (`ip:port`)."""
    endpoints = [_endpoint(address) for address in sorted(set(addresses))]
    return {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": f"{_CONNECT_SECONDS}s",
        "lb_policy": "LEAST_REQUEST",
        # attempts that failed, retried ones too, are counted only here
        "track_cluster_stats": {"per_endpoint_stats": True},
        "circuit_breakers": {"thresholds": [_thresholds()]},
        "typed_extension_protocol_options": {_HTTP: _http_options()},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}] if endpoints else [],
        },
    }


def addresses_of(document: Document) -> tuple[str, ...]:
    """The `ip:port` a cluster document spreads requests over."""
    found: list[str] = []
    for group in document.get("load_assignment", {}).get("endpoints", []):
        for endpoint in group.get("lb_endpoints", []):
            socket = endpoint["endpoint"]["address"]["socket_address"]
            found.append(_joined(socket["address"], socket["port_value"]))
    return tuple(found)


def is_address(address: str) -> bool:
    """Envoy refuses a whole update for one address that isn't `ip:port`."""
    host, _, port = address.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return port.isdecimal() and 0 < int(port) < 65536


def _endpoint(address: str) -> Document:
    host, _, port = address.rpartition(":")
    socket = {"address": host.strip("[]"), "port_value": int(port)}
    return {"endpoint": {"address": {"socket_address": socket}}}


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _thresholds() -> Document:
    """Limits no fleet meets: shedding load is the services' business. The default of three
    retries at a time would let the candidate's failures through under load."""
    return {
        "max_connections": _PLENTY,
        "max_pending_requests": _PLENTY,
        "max_requests": _PLENTY,
        "retry_budget": {"budget_percent": {"value": 100}, "min_retry_concurrency": _PLENTY},
    }


def _http_options() -> Document:
    """Close idle connections before the service does: many close after five seconds, and a
    request sent at that moment is lost."""
    return {
        "@type": f"type.googleapis.com/{_HTTP}",
        "common_http_protocol_options": {"idle_timeout": f"{_IDLE_SECONDS}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
