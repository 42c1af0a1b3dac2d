"""What Dagster's own API says of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.plane import BenchPlane, wait_for

_QUERY = """
query($id: ID!) { runOrError(runId: $id) { ... on Run { status startTime endTime } } }
"""
_END_SECONDS = 60.0


@dataclass(frozen=True)
class EndedRun:
    """Unix seconds."""

    began_at: float
    ended_at: float


def end_of_run(plane: BenchPlane, run_id: str) -> EndedRun:
    """Wait for a run to end."""

    def has_ended() -> bool:
        return _ask(plane, run_id)["endTime"] is not None

    wait_for(has_ended, _END_SECONDS, pause_seconds=0.1)
    found = _ask(plane, run_id)
    return EndedRun(found["startTime"], found["endTime"])


def _ask(plane: BenchPlane, run_id: str) -> dict[str, Any]:
    body = {"query": _QUERY, "variables": {"id": run_id}}
    url = plane.settings.require("dagster_url")
    answer = httpx.post(f"{url}/graphql", json=body, timeout=30, trust_env=False)
    return answer.json()["data"]["runOrError"]
