"""How a request reaches a build, and what happens when the build fails it. Pure.

Candidate and baseline get the same shield, so that what is measured on them is comparable.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

_ROUTE_SECONDS = 60
_PICKS = 16
"""The balancer picks at random, and may pick the lost copy again: of two copies, one time in
2^_PICKS all picks fall on it, and the retry is wasted."""
_SAFE_METHODS = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
# the service has not seen the request in any of these: repeating it is safe for every method
_NEVER_ARRIVED = "connect-failure,refused-stream,reset-before-request"
_GROUPS = (
    "type.googleapis.com/envoy.extensions.router.cluster_specifiers"
    ".priority_group.v3.PriorityGroupClusterSpecifier"
)


def stable_routes(stable: str) -> list[Document]:
    """To stable. A lost connection is repeated on another copy."""
    return [
        _route(_to(stable, _retry(f"{_NEVER_ARRIVED},reset", 2)), safe_only=True),
        _route(_to(stable, _retry(_NEVER_ARRIVED, 2))),
    ]


def shielded_routes(build: str, stable: str, timeout_seconds: float) -> list[Document]:
    """To a build on trial; a GET or HEAD it fails is repeated once on stable."""
    retry = _retry("5xx,reset,connect-failure,refused-stream", 1) | {
        "per_try_timeout": f"{timeout_seconds:.3f}s"
    }
    return [
        _route(_then(build, stable, retry), safe_only=True),
        _route(_then(build, stable, _retry(_NEVER_ARRIVED, 1))),
    ]


def bare_routes(build: str) -> list[Document]:
    """To a build, whatever it answers: for testers, and where the shield is off."""
    return [_route({"cluster": build, "timeout": f"{_ROUTE_SECONDS}s"})]


def _route(action: Document, *, safe_only: bool = False) -> Document:
    match: Document = {"prefix": "/"}
    if safe_only:
        match["headers"] = [_SAFE_METHODS]
    return {"match": match, "route": action}


def _to(cluster: str, retry: Document) -> Document:
    other_copy = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.retry.host"
            ".previous_hosts.v3.PreviousHostsPredicate"
        },
    }
    retry = retry | {
        "retry_host_predicate": [other_copy],
        "host_selection_retry_max_attempts": _PICKS,
    }
    return {"cluster": cluster, "timeout": f"{_ROUTE_SECONDS}s", "retry_policy": retry}


def _then(first: str, second: str, retry: Document) -> Document:
    groups = [{"name": c, "clusters": [{"cluster_name": c, "weight": 1}]} for c in (first, second)]
    specifier = {
        "extension": {
            "name": "envoy.router.cluster_specifier_plugin.priority_group",
            "typed_config": {"@type": _GROUPS, "priority_groups": groups},
        }
    }
    return {
        "inline_cluster_specifier_plugin": specifier,
        "timeout": f"{_ROUTE_SECONDS}s",
        "retry_policy": retry | {"refresh_cluster_on_retry": True},
    }


def _retry(on: str, times: int) -> Document:
    return {
        "retry_on": on,
        "num_retries": times,
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"},
    }
