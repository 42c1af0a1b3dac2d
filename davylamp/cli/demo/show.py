"""The report on a screen, and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from davylamp.cli.demo.facts import EvidenceRow
from davylamp.cli.demo.report import SLOW_RATIO, ReleaseReport, Report

_COLOURS = {"promoted": "green", "rolled_back": "red"}


def document(report: Report) -> dict[str, Any]:
    """The report as one JSON document."""
    return {
        "releases": [_release_document(one) for one in report.releases],
        "requests": report.requests,
        "switching_failures": report.switching_failures,
        "switching_failures_by_kind": report.switching_failures_by_kind,
        "turned_away": report.turned_away,
    }


def _release_document(one: ReleaseReport) -> dict[str, Any]:
    return {
        "service": one.facts.service,
        "version": one.facts.version,
        "outcome": one.facts.outcome,
        "reason": one.facts.reason,
        "seconds_to_decision": one.seconds_to_decision,
        "candidate_requests": one.facts.candidate_requests,
        "failed_user_requests": one.failed_user_requests,
        "full_blast_failed_requests": one.full_blast_failed_requests,
        "candidate_failed_attempts": one.facts.candidate_failed,
        "slow_user_requests": one.slow_user_requests,
        "full_blast_slow_requests": one.full_blast_slow_requests,
        "user_requests_exposed": one.user_requests_exposed,
        "evidence": [vars(row) for row in one.facts.evidence],
    }


def show(report: Report, console: Console) -> None:
    """The report for people: a table of all releases, then each with its evidence."""
    console.print(_overview(report))
    for one in report.releases:
        console.print()
        console.print(" ".join(sentences(one)), highlight=False, markup=False)
        if one.facts.evidence:
            console.print(_evidence(one))
    console.print()
    console.print(closing(report), highlight=False, markup=False)


def sentences(one: ReleaseReport) -> Iterator[str]:
    """One release in plain words."""
    facts = one.facts
    name = f"{facts.service} {facts.version}"
    what = facts.outcome.replace("_", " ")
    when = "" if one.seconds_to_decision is None else f" {one.seconds_to_decision:.1f} s after"
    when += "" if not when else " users first met it" if facts.traffic_at else " it was asked for"
    yield f"{name} was {what}{when}: {facts.reason.rstrip('.')}."
    if not facts.candidate_requests:
        yield "No user ever met it."
        return
    yield (
        f"It was tried {facts.candidate_requests} times and failed {facts.candidate_failed} "
        f"of them; users saw {_count(one.failed_user_requests, 'failure')}."
    )
    if facts.outcome != "promoted":  # a promoted build did go to everybody, on purpose
        yield from _full_blast(one)


def _full_blast(one: ReleaseReport) -> Iterator[str]:
    """What it would have done to everybody."""
    yield (
        f"Had it gone to everybody at once, {one.full_blast_failed_requests} of "
        f"{one.user_requests_exposed} requests would have failed in the same time."
    )
    if one.slow_user_requests and one.stable_p99_ms is not None:
        yield (
            f"{_count(one.slow_user_requests, 'answer')} took longer than "
            f"{SLOW_RATIO * one.stable_p99_ms:.0f} ms, twice stable's p99; with everybody on it, "
            f"{one.full_blast_slow_requests} would have."
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def closing(report: Report) -> str:
    """What switching itself cost."""
    if not report.switching_failures:
        return f"Of {report.requests} requests, not one failed because of the switching itself."
    kinds = ", ".join(f"{n} × {kind}" for kind, n in report.switching_failures_by_kind.items())
    return (
        f"Of {report.requests} requests, {report.switching_failures} failed because of the "
        f"switching itself: {kinds}."
    )


def _overview(report: Report) -> Table:
    title = "What the releases cost users (and what a full-blast deploy would have)"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for heading in ("release", "outcome"):
        table.add_column(heading, no_wrap=True)
    for heading in ("decided after", "tried", "failed", "slow"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in report.releases:
        table.add_row(*_overview_row(one))
    return table


def _overview_row(one: ReleaseReport) -> list[str]:
    outcome = one.facts.outcome
    colour = _COLOURS.get(outcome, "yellow")
    seconds = one.seconds_to_decision
    failed, slow = str(one.failed_user_requests), str(one.slow_user_requests)
    if outcome != "promoted":  # a promoted build did go to everybody: nothing to compare
        failed += f" ({one.full_blast_failed_requests})"
        slow += f" ({one.full_blast_slow_requests})"
    return [
        f"{one.facts.service} {one.facts.version}",
        f"[{colour}]{outcome.replace('_', ' ')}[/]",
        "–" if seconds is None else f"{seconds:.1f} s",
        str(one.facts.candidate_requests),
        failed,
        slow,
    ]


def _evidence(one: ReleaseReport) -> Table:
    table = Table(title=f"evidence on {one.facts.service} {one.facts.version}")
    table.add_column("metric")
    table.add_column("candidate", justify="right")
    table.add_column("baseline", justify="right")
    table.add_column("says")
    table.add_column("because")
    for row in _telling(one.facts.evidence):
        table.add_row(
            row.metric,
            _figure(row.candidate, row),
            _figure(row.baseline, row),
            row.classification,
            row.reason,
        )
    return table


def _telling(rows: Sequence[EvidenceRow]) -> Sequence[EvidenceRow]:
    """Without the metrics that were not judged, unless none was."""
    return [row for row in rows if row.classification != "Nodata"] or rows


def _figure(value: float | None, row: EvidenceRow) -> str:
    return "–" if value is None else f"{value:.4g} {row.unit}".strip()
