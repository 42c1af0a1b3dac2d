"""The act's report, computed from the release, the audits and the load's records. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from davylamp.cli.demo.knight_act.builds import EIGHTH, FLAG, NEW, OLD
from davylamp.cli.demo.report import failures_by_kind, is_switching_failure
from davylamp.ledger.audits import Held, Look
from davylamp.ledger.releases import Release

_ANSWERING_SECONDS = 3.0
"""A request that was under way when the switch was made may still be answered by an old copy."""


@dataclass(frozen=True)
class KnightReport:
    outcome: str
    reason: str
    """Of the release."""
    held: tuple[Held, ...]
    """What the audit holds against the fleet after it."""
    audits: int
    """How many looked after the release's end, until the eighth was named; 0: none named it."""
    seconds_to_naming: float | None
    """From the moment all others were on the new build."""
    repaired: str
    requests: int
    by_old_build: int
    """Answers of the old build once the new one was the stable one: users the eighth met."""
    switching_failures: int
    failures_by_kind: dict[str, int]
    turned_away: int

    def of(self, code: str) -> Held | None:
        return next((one for one in self.held if one.code == code), None)


def make_knight_report(
    records: pd.DataFrame,
    ended: Release,
    stable_since: float,
    looks: Sequence[Look],
    held: Sequence[Held],
    repaired: str,
    turned_away: int,
) -> KnightReport:
    """`records` has one row a request, columns as in `Record`; `stable_since` is Unix seconds."""
    blamed = records[is_switching_failure(records)]
    late = records["at"] > stable_since + _ANSWERING_SECONDS
    found = next((one for one in held if one.instance == EIGHTH), None)
    first = found.first_seen_at if found else None
    return KnightReport(
        outcome=ended.state.value,
        reason=ended.reason,
        held=tuple(held),
        audits=sum(one.at <= first for one in looks) or 1 if first else 0,
        seconds_to_naming=round(first.timestamp() - stable_since, 1) if first else None,
        repaired=repaired,
        requests=len(records),
        by_old_build=int((late & (records["version"] == OLD.version)).sum()),
        switching_failures=len(blamed),
        failures_by_kind=failures_by_kind(blamed),
        turned_away=turned_away,
    )


def went_wrong(report: KnightReport) -> list[str]:
    """What did not go as it must; nothing when all is well."""
    return list(_wrong(report))


def _wrong(report: KnightReport) -> Iterator[str]:
    if report.outcome != NEW.expected:
        yield f"{NEW.name} was {report.outcome}, and should have been {NEW.expected}"
    if EIGHTH not in report.reason:
        yield f"the release does not name {EIGHTH}: {report.reason}"
    stale = report.of("stale_instance")
    if stale is None:
        yield f"no audit named {EIGHTH}"
    elif missing := [n for n in (EIGHTH, OLD.version, FLAG) if n not in stale.document["detail"]]:
        yield f"the audit does not say {', '.join(missing)}: {stale.document['detail']}"
    elif report.audits != 1:
        yield f"it took {report.audits} audits to name {EIGHTH}"
    if report.of("flag_reused") is None:
        yield f"no audit says that {FLAG} was reused"
    if "is gone" not in report.repaired:
        yield f"the repair did not end {EIGHTH}: {report.repaired}"
    if report.by_old_build:
        yield f"{report.by_old_build} users met {OLD.name} after the switch"
    if report.switching_failures:
        yield f"{report.switching_failures} requests failed because of the switching"
    if report.turned_away:
        yield f"{report.turned_away} users were sent away by the load before they asked"


def knight_document(report: KnightReport) -> dict[str, Any]:
    """The report as one JSON document."""
    return {
        "act": "knight",
        "release": {
            "service": NEW.service,
            "version": NEW.version,
            "outcome": report.outcome,
            "reason": report.reason,
        },
        "findings": [dict(one.document) for one in report.held],
        "audits_until_named": report.audits,
        "seconds_to_naming": report.seconds_to_naming,
        "repaired": report.repaired,
        "requests": report.requests,
        "answered_by_the_old_build": report.by_old_build,
        "switching_failures": report.switching_failures,
        "switching_failures_by_kind": report.failures_by_kind,
        "turned_away": report.turned_away,
        "wrong": went_wrong(report),
    }
