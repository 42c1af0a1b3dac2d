"""Report: what the releases of the demonstration cost its users. Pure.

From the load's records (what users saw) and the ledger's facts (what was decided, and what
the router counted) come, for each release:

seconds_to_decision
    From the moment users first met the candidate to the decision; from the release's
    opening when they never met it.
candidate_requests
    Attempts the candidate completed, by the router's count.
failed_user_requests
    Users' requests between the release's opening and its end that the candidate failed
    (5xx with its version). A failure the shield repeated on stable is not among them: its
    user saw stable's answer.
full_blast_failed_requests
    What everybody at once would have cost: all requests of users to the service during the
    exposure (first traffic → decision) × the share of the candidate's *attempts* that
    failed. Generous to the full-blast deploy, which would hardly be taken back as soon.
slow_user_requests, full_blast_slow_requests
    The same for good answers slower than twice the p99 of the other builds' answers in
    the exposure.

and for all of them together:

switching_failures
    Failed requests no build was made to fail: no answer in time, a broken connection, an
    error answer no build gave (Envoy's 404 or 503), a 5xx without the build's fault header.
    What is left to blame is routing, switching, starting and stopping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from davylamp.cli.demo.facts import ReleaseFacts
from davylamp.report.full_blast import full_blast_failures

SLOW_RATIO = 2.0
_FEWEST_FOR_P99 = 100


@dataclass(frozen=True)
class ReleaseReport:
    """One release and what it cost; see the module's docstring for the figures."""

    facts: ReleaseFacts
    seconds_to_decision: float | None
    user_requests_exposed: int
    """Users' requests to the service between first traffic and decision, whoever answered."""
    failed_user_requests: int
    full_blast_failed_requests: int
    slow_user_requests: int
    full_blast_slow_requests: int
    stable_p99_ms: float | None
    candidate_p99_ms: float | None


@dataclass(frozen=True)
class Report:
    releases: tuple[ReleaseReport, ...]
    requests: int
    """All requests of all users."""
    switching_failures: int
    switching_failures_by_kind: dict[str, int]
    """`service method what` → how many."""
    turned_away: int = 0
    """Users the load itself sent away unheard: without them the report is not whole."""


def make_report(
    records: pd.DataFrame, facts: Sequence[ReleaseFacts], turned_away: int = 0
) -> Report:
    """Compute the report. `records` has one row a request, columns as in `Record`."""
    blamed = records[is_switching_failure(records)]
    return Report(
        releases=tuple(report_release(records, one) for one in facts),
        requests=len(records),
        switching_failures=len(blamed),
        switching_failures_by_kind=failures_by_kind(blamed),
        turned_away=turned_away,
    )


def is_switching_failure(records: pd.DataFrame) -> pd.Series[bool]:
    """Row by row: did the request fail without any build having been made to fail it?"""
    status, nobody = records["status"], records["version"] == ""
    failed = (status == 0) | (status >= 500) | (nobody & (status >= 400))
    return failed & ~records["is_planted"].astype(bool)


def report_release(records: pd.DataFrame, facts: ReleaseFacts) -> ReleaseReport:
    """One release's figures."""
    of_service = records[records["service"] == facts.service]
    during = _between(of_service, facts.created_at, facts.ended_at)
    exposed = _exposed(of_service, facts)
    slow_above_ms = _stable_p99(exposed, during, facts.version)
    good = during[(during["version"] == facts.version) & (during["status"] < 500)]
    slow = 0 if slow_above_ms is None else _slower(good, SLOW_RATIO * slow_above_ms)
    return ReleaseReport(
        facts=facts,
        seconds_to_decision=_seconds_to_decision(facts),
        user_requests_exposed=len(exposed),
        failed_user_requests=_failed_by(during, facts.version),
        full_blast_failed_requests=full_blast_failures(len(exposed), facts.failure_share),
        slow_user_requests=slow,
        full_blast_slow_requests=round(len(exposed) * slow / len(good)) if len(good) else 0,
        stable_p99_ms=slow_above_ms,
        candidate_p99_ms=_p99(good),
    )


def _seconds_to_decision(facts: ReleaseFacts) -> float | None:
    if facts.decided_at is None:
        return None
    since = facts.traffic_at or facts.created_at
    return round((facts.decided_at - since).total_seconds(), 2)


def _exposed(of_service: pd.DataFrame, facts: ReleaseFacts) -> pd.DataFrame:
    """Requests from first traffic to decision; none when there never was traffic."""
    if facts.traffic_at is None:
        return of_service.iloc[:0]
    return _between(of_service, facts.traffic_at, facts.decided_at or facts.ended_at)


def _between(records: pd.DataFrame, start: datetime, end: datetime | None) -> pd.DataFrame:
    """Requests sent from `start` to `end`; to the last one when there is no end."""
    at = records["at"]
    until = float("inf") if end is None else end.timestamp()
    return records[(at >= start.timestamp()) & (at <= until)]


def _failed_by(records: pd.DataFrame, version: str) -> int:
    return int(((records["version"] == version) & (records["status"] >= 500)).sum())


def _stable_p99(exposed: pd.DataFrame, during: pd.DataFrame, version: str) -> float | None:
    """p99 of the other builds' good answers, in ms: in the exposure, or where that is too
    short for a p99, from the release's opening to its end."""
    for window in (exposed, during):
        good = window[~window["version"].isin(["", version]) & (window["status"] < 500)]
        if len(good) >= _FEWEST_FOR_P99:
            return _p99(good)
    return None


def _p99(records: pd.DataFrame) -> float | None:
    return float(records["latency_ms"].quantile(0.99)) if len(records) else None


def _slower(records: pd.DataFrame, limit_ms: float) -> int:
    return int((records["latency_ms"] > limit_ms).sum())


def failures_by_kind(blamed: pd.DataFrame) -> dict[str, int]:
    """`service method what` → how many."""
    found: dict[str, int] = {}
    columns = (blamed["service"], blamed["method"], blamed["status"], blamed["error"])
    for service, method, status, error in zip(*columns, strict=True):
        kind = f"{service} {method} {error or status}"
        found[kind] = found.get(kind, 0) + 1
    return found
