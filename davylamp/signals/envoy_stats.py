"""Envoy as a Source: one HTTP read of its admin a tick, for all watched sides together.

Latency lags by up to one flush of Envoy's histograms (`stats_flush_interval`, 5 s unless set).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection
from typing import Any

import httpx

from davylamp.errors import Unreachable
from davylamp.judge.sample import Role, Sample
from davylamp.signals.envoy_counters import PER_ENDPOINT, PLAIN, Counters, parse_stats
from davylamp.signals.envoy_memory import Memory, remember
from davylamp.signals.protocol import Watched

_LONGEST_FILTER = 30_000
"""Characters; Envoy refuses a request line and headers of more than 60 KiB."""


class EnvoySource:
    """Reads `<admin_url>/stats`. Not for several threads at once: it remembers the last reading."""

    def __init__(self, admin_url: str, deadline_seconds: float = 3.0) -> None:
        self._url = admin_url.rstrip("/") + "/stats"
        self._deadline_seconds = deadline_seconds
        # trust_env: a proxy meant for the world has no business before Envoy's admin
        self._http = httpx.Client(timeout=deadline_seconds, trust_env=False)
        self._memories: dict[str, Memory] = {}

    def read(self, watched: Collection[Watched]) -> list[Sample]:
        if not watched:
            return []
        body = self._get(stats_filter(watched))
        at = time.time()
        found = self._parse(body)
        sides = {cluster_name(side): side for side in watched}
        self._memories = {
            name: remember(self._memories.get(name, Memory()), found[name])
            for name in sides
            if name in found
        }
        return [sample_of(sides[name], at, memory) for name, memory in self._memories.items()]

    def close(self) -> None:
        self._http.close()

    def _get(self, pattern: str) -> bytes:
        query = {"format": "json", "histogram_buckets": "disjoint", "filter": pattern}
        give_up_at = time.monotonic() + self._deadline_seconds
        body = bytearray()
        try:
            with self._http.stream("GET", self._url, params=query) as answer:
                for chunk in answer.iter_bytes():
                    body += chunk
                    if time.monotonic() > give_up_at:
                        raise Unreachable(self._complaint("is too slow to read"))
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise Unreachable(self._complaint(f"does not answer ({why})")) from error
        if answer.status_code != 200:
            raise Unreachable(self._complaint(f"answers {answer.status_code}"))
        return bytes(body)

    def _parse(self, body: bytes) -> dict[str, Counters]:
        try:
            return parse_stats(json.loads(body))
        except (KeyError, TypeError, ValueError) as error:
            wrong = f"answers with something else than Envoy's statistics ({error!r})"
            raise Unreachable(self._complaint(wrong)) from error

    def _complaint(self, what: str) -> str:
        return (
            f"Envoy's admin at {self._url} {what} (deadline {self._deadline_seconds:g} s); "
            "`davylamp status` shows whether it runs, DAVYLAMP_ENVOY_ADMIN_URL says where"
        )


def cluster_name(side: Watched) -> str:
    """Stable outlives releases; the other two belong to one."""
    if side.role is Role.STABLE:
        return f"{side.service}_{side.role}"
    return f"{side.service}_{side.role}_{side.release_id}"


def stats_filter(watched: Collection[Watched]) -> str:
    """A regular expression (RE2) for exactly what is read of exactly the watched clusters; of all
    clusters that look like ours when there are too many to name."""
    sides: dict[str, list[str]] = {}
    for side in watched:
        end = cluster_name(side).removeprefix(side.service)
        sides.setdefault(side.service, []).append(re.escape(end))
    named = "|".join(
        f"{re.escape(service)}(?:{'|'.join(sorted(ends))})"
        for service, ends in sorted(sides.items())
    )
    if len(named) > _LONGEST_FILTER:
        named = r"[^.]+_(?:stable|(?:baseline|candidate)_\d+)"
    plain = "|".join((*PLAIN, "time"))
    endpoint = "|".join(PER_ENDPOINT)
    return (
        rf"^cluster\.(?:{named})\."
        rf"(?:upstream_rq_(?:{plain})|upstream_cx_none_healthy|endpoint\..+\.rq_(?:{endpoint}))$"
    )


def sample_of(side: Watched, at: float, memory: Memory) -> Sample:
    """Attempts are counted by endpoint: only there do failures that were retried count."""
    seen, attempts = memory.last, memory.attempts
    failed = attempts.error + seen.unplaced
    begun = attempts.total + seen.refused + seen.unplaced
    responses: Any = memory.answers  # five of them
    return Sample(
        service=side.service,
        role=side.role,
        release_id=side.release_id,
        at=at,
        # Envoy's threads count while it is read: an end may be seen before its beginning
        started=max(begun, attempts.success + failed),
        succeeded=attempts.success,
        failed=failed,
        responses=responses,
        latency=memory.latency,
        in_flight=seen.count("active") + seen.count("pending_active"),
    )
