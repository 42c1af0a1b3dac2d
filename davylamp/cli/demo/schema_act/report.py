"""The act's report, computed from the steps, the evidence and the load's records. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from davylamp.cli.demo.report import failures_by_kind, is_switching_failure
from davylamp.cli.demo.schema_act.evidence import Evidence, document_of
from davylamp.cli.demo.schema_act.step import ActStep

STEPS = 9
"""As many as the act has when it is told to its end."""


@dataclass(frozen=True)
class StepReport:
    """A step, and what users met meanwhile."""

    step: ActStep
    requests: int
    failed_requests: int
    p99_ms: float | None
    """None when nobody asked."""


@dataclass(frozen=True)
class SchemaReport:
    """`failed_requests`: no answer within two seconds, a broken connection, or an error answer,
    whoever gave it. No build of the act was made to fail, so none may."""

    steps: tuple[StepReport, ...]
    evidence: Evidence
    requests: int
    failed_requests: int
    failures_by_kind: dict[str, int]
    turned_away: int = 0


def make_schema_report(
    records: pd.DataFrame, steps: Sequence[ActStep], evidence: Evidence, turned_away: int = 0
) -> SchemaReport:
    """`records` has one row a request, columns as in `Record`."""
    failed = is_switching_failure(records)
    blamed = records[failed]
    return SchemaReport(
        steps=tuple(_report(step, records, failed) for step in steps),
        evidence=evidence,
        requests=len(records),
        failed_requests=len(blamed),
        failures_by_kind=failures_by_kind(blamed),
        turned_away=turned_away,
    )


def _report(step: ActStep, records: pd.DataFrame, failed: pd.Series[bool]) -> StepReport:
    during = (records["at"] >= step.began) & (records["at"] <= step.ended)
    latency = records[during]["latency_ms"]
    p99 = round(float(latency.quantile(0.99)), 1) if len(latency) else None
    return StepReport(step, int(during.sum()), int((during & failed).sum()), p99)


def went_wrong(report: SchemaReport) -> list[str]:
    """What did not go as it must; nothing when all is well."""
    return list(_wrong(report))


def _wrong(report: SchemaReport) -> Iterator[str]:
    for one in report.steps:
        if one.step.problem:
            yield f"{one.step.name}: {one.step.problem}"
    if len(report.steps) < STEPS:
        yield f"it ended after {len(report.steps)} of {STEPS} steps"
    if report.failed_requests:
        kinds = ", ".join(f"{n} × {kind}" for kind, n in report.failures_by_kind.items())
        yield f"{report.failed_requests} requests of users failed: {kinds}"
    if report.turned_away:
        yield f"{report.turned_away} users were sent away by the load before they asked"


def schema_document(report: SchemaReport) -> dict[str, Any]:
    """The report as one JSON document. What it never came to is null."""
    evidence = report.evidence
    refused = {one.to: document_of(one) for one in evidence.rollbacks_refused}
    by_rows = next((one.to for one in evidence.rollbacks_refused if one.rows), "")
    others = [one for to, one in refused.items() if to != by_rows]
    backfilled = evidence.backfilled
    return {
        "act": "schema",
        "steps": [_step_document(one) for one in report.steps],
        "rows_backfilled": backfilled.rows if backfilled else 0,
        "rows_per_second": backfilled.rows_per_second if backfilled else 0,
        "rows_differing": backfilled.differing if backfilled else None,
        "requests": report.requests,
        "failed_requests": report.failed_requests,
        "failures_by_kind": report.failures_by_kind,
        "turned_away": report.turned_away,
        "contract_refused": document_of(evidence.contract_refused),
        "contract": document_of(evidence.contracted),
        "rollback_refused": refused.get(by_rows),
        "other_rollbacks_refused": others,
        "wrong": went_wrong(report),
    }


def _step_document(one: StepReport) -> dict[str, Any]:
    step = one.step
    return {
        "name": step.name,
        "outcome": step.outcome,
        "reason": step.reason,
        "problem": step.problem,
        "seconds": step.seconds,
        "requests": one.requests,
        "failed_requests": one.failed_requests,
        "p99_ms": one.p99_ms,
    }
