"""What the audit costs: from the bytes of an inventory to its findings, by size of the fleet.

Each service has a database of 50 revisions, a route and three builds; one instance in a hundred
has a fault, since findings cost something too.
"""

from __future__ import annotations

import gc
import hashlib
import json
import time
import tracemalloc
from typing import Any

from benchmarks.plane import say
from benchmarks.report import Figure, Report
from davylamp.audit.inventory_file import read_inventory
from davylamp.audit.run import Audit, run_audit

SIZES = (500, 2_000, 5_000)
INSTANCES = 20
AIM_SECONDS = 1.0
"""For 500 services; linear from there."""
_NOW = 1_800_000_000.0
_MIB = 2**20


def run(quick: bool) -> Report:
    sizes, rounds = (SIZES[:1], 1) if quick else (SIZES, 3)
    figures: list[Figure] = []
    seconds: dict[int, float] = {}
    for services in sizes:
        say(f"{services} services of {INSTANCES} instances")
        raw = json.dumps(fleet(services)).encode()
        run_audit(read_inventory(raw, "warm-up"))
        seconds[services] = min(_seconds(raw, services) for _ in range(rounds))
        what = f"{services:,} × {INSTANCES}"
        aim = AIM_SECONDS * services / SIZES[0]
        figures.append(Figure(f"inventory to findings, {what}", seconds[services], "s", aim))
        figures.append(Figure(f"memory at most, {what}", _memory(raw), "MiB"))
    if len(sizes) > 1:
        grown = seconds[sizes[-1]] / seconds[sizes[0]] / (sizes[-1] / sizes[0])
        figures.append(Figure("seconds an instance, largest ÷ smallest fleet", grown, "×", 1.5))
    return Report(
        "Auditing a fleet",
        tuple(figures),
        "JSON in memory to sorted findings, one process; one instance in 100 is stale",
    )


def _seconds(raw: bytes, services: int) -> float:
    gc.collect()
    start = time.perf_counter()
    found = run_audit(read_inventory(raw, "benchmark"))
    seconds = time.perf_counter() - start
    _check(found, services)
    return seconds


def _memory(raw: bytes) -> float:
    tracemalloc.start()
    try:
        run_audit(read_inventory(raw, "benchmark"))
        return tracemalloc.get_traced_memory()[1] / _MIB
    finally:
        tracemalloc.stop()


def _check(found: Audit, services: int) -> None:
    assert len(found.findings) == services * INSTANCES // 100
    assert found.seen_instances == services * INSTANCES


def fleet(services: int) -> dict[str, Any]:
    parts: dict[str, list[Any]] = {
        name: [] for name in ("services", "builds", "instances", "databases", "routes")
    }
    for number in range(services):
        _add(parts, f"s{number}", number)
    flags = {"revision": 7, "published_at": _NOW - 3600, "active": ["a"], "retired": ["b"]}
    return {"now": _NOW, "flags": flags, **parts}


def _add(parts: dict[str, list[Any]], name: str, number: int) -> None:
    old, stable, _ = digests = [
        f"sha256:{hashlib.sha256(f'{name}{v}'.encode()).hexdigest()}" for v in range(3)
    ]
    contract = {
        "flags": ["a"],
        "databases": {name: {"min_revision": "r10", "max_revision": "r45"}},
    }
    for version, digest in enumerate(digests):
        build = {"digest": digest, "service": name, "version": f"1.{version}", "known_bad": False}
        parts["builds"].append(build | {"contract": contract})
    parts["services"].append(
        {"name": name, "stable_digest": stable, "replicas": INSTANCES, "databases": [name]}
    )
    for i in range(INSTANCES):
        is_stale = (number * INSTANCES + i) % 100 == 0
        parts["instances"].append(
            {
                "id": f"{name}-{i}",
                "service": name,
                "digest": old if is_stale else stable,
                "started_at": "2027-01-01T00:00:00Z",
                "last_seen_at": "2027-01-15T07:59:50Z",
                "flags_revision": 7,
                "role": "stable",
            }
        )
    lineage = [f"r{n}" for n in range(50)]
    parts["databases"].append({"name": name, "revision": "r40", "lineage": lineage})
    weights = {stable: 1.0}
    parts["routes"].append({"service": name, "intended": weights, "observed": weights})
