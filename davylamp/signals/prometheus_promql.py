"""The one query a tick that asks for everything Envoy counted of the watched builds. Pure.

One query is one snapshot of Prometheus's storage: all it returns of one Envoy is from one scrape,
and the scrape's own time comes with it. Two queries could meet two scrapes.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from davylamp.signals.envoy_counters import PER_ENDPOINT, PLAIN
from davylamp.signals.envoy_stats import cluster_name
from davylamp.signals.prometheus_query import PromQL
from davylamp.signals.protocol import Watched

CLUSTER = "envoy_cluster_name"
ENDPOINT = "envoy_endpoint_address"
CLASS = "envoy_response_code_class"
INSTANCE = "instance"
"""The label by which Prometheus tells one scraped Envoy from another."""

PREFIX_PLAIN = "envoy_cluster_upstream_rq_"
PREFIX_ENDPOINT = "envoy_cluster_endpoint_rq_"
BY_CLASS = "envoy_cluster_upstream_rq_xx"
NONE_HEALTHY = "envoy_cluster_upstream_cx_none_healthy"
BUCKET = "envoy_cluster_upstream_rq_time_bucket"
UPTIME = "envoy_server_uptime"
SCRAPED_AT = "davylamp_scraped_at"
"""Our own name for the scrape's time, within the answer only."""

_ALWAYS_THERE = "envoy_cluster_upstream_rq_total"
_KEPT = ("__name__", INSTANCE, CLUSTER, ENDPOINT, CLASS, "le")
_LONGEST_LIST = 20_000
"""Characters. Matching every series against a longer list of names costs more than it spares."""


def counters_query(watched: Collection[Watched], selector: str = "") -> PromQL:
    """All counters of all watched sides, each scrape's time, and each Envoy's uptime.

    `selector` holds further label matchers, `job="envoy"`.
    """
    clusters = f'{CLUSTER}=~"{_quoted(_clusters(watched))}"'
    of_ours = ",".join(part for part in (clusters, selector) if part)
    present = f"{_ALWAYS_THERE}{{{of_ours}}}"
    # without grouping, for an Envoy that is scraped twice shows here as two rows
    times = f'label_replace(timestamp({present}), "__name__", "{SCRAPED_AT}", "", "")'
    uptime = f"{UPTIME}{{{selector}}} and on ({INSTANCE}) {present}"
    named = f'__name__=~"{"|".join(_statistics())}"'
    counters = f"sum by ({', '.join(_KEPT)}) ({{{named},{of_ours}}})"
    # the many counters last: every `or` looks at all that stands before it
    return PromQL(
        f"{times} or max by (__name__, {INSTANCE}) ({uptime}) or {counters}",
        f"Envoy's counters of {len(watched)} builds",
    )


def _statistics() -> list[str]:
    """A flat list: Prometheus looks such names up instead of matching all it has."""
    plain = [PREFIX_PLAIN + name for name in PLAIN if not name.endswith("xx")]
    endpoint = [PREFIX_ENDPOINT + name for name in PER_ENDPOINT]
    return [*plain, *endpoint, BY_CLASS, NONE_HEALTHY, BUCKET]


def _clusters(watched: Collection[Watched]) -> str:
    listed = "|".join(sorted({_literal(cluster_name(side)) for side in watched}))
    return listed if len(listed) <= _LONGEST_LIST else r".+_(stable|(baseline|candidate)_\d+)"


def _literal(name: str) -> str:
    """Escaped for RE2, and no more than that: `re.escape` would hide a plain name's plainness."""
    return re.sub(r"([.+*?()|\[\]{}^$\\])", r"\\\1", name)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
