"""The newest releases as a list, with DORA's figures of the last days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.errors import BadInput
from davylamp.ledger.session import Ledger
from davylamp.report.days import by_outcome
from davylamp.report.dora import dora_of
from davylamp.report.ended_releases import read_window
from davylamp.report.files import written_page
from davylamp.report.history import newest
from davylamp.report.words import clock, count, duration, share, spoken
from davylamp.settings import Settings


def read_history(
    ledger: Ledger, settings: Settings, service: str, limit: int, days: float
) -> dict[str, Any]:
    """Raises `BadInput` for a service that never had a release."""
    with ledger.begin() as db:
        found = newest(db, service, limit)
        window = read_window(db, days, service)
    if service and not found:
        raise BadInput(
            f"the ledger has no release of {service!r}; `davylamp status` lists services"
        )
    pages = {one.id: written_page(settings, one.id) for one in found}
    return {
        "releases": [one.document() | {"page": str(pages[one.id] or "") or None} for one in found],
        "days": window.days,
        "outcomes": by_outcome(window.releases),
        "dora": dora_of(window.releases, window.days).document(),
    }


def show(console: Console, document: Mapping[str, Any]) -> None:
    console.print(_table(document["releases"]))
    console.print(Text("\n".join(_in_words(document))))


def _table(releases: list[dict[str, Any]]) -> Table:
    columns = ("id", "service", "version", "state", "began (UTC)", "decided", "harmed")
    table = Table(title="releases, newest first", title_justify="left", box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, no_wrap=True)
    table.add_column("reason", ratio=1, overflow="fold")
    for one in releases:
        table.add_row(
            *map(Text, (str(one["id"]), one["service"], one["version"], spoken(one["state"]))),
            clock(one["created_at"]),
            duration(one["seconds_to_decision"]),
            f"{count(one['harmed_requests'])} of {count(one['candidate_requests'])}",
            Text(one["reason"]),
        )
    return table


def _in_words(document: Mapping[str, Any]) -> list[str]:
    dora = document["dora"]
    low, high = dora["change_fail_rate_low"], dora["change_fail_rate_high"]
    said = ", ".join(f"{n} {spoken(k)}" for k, n in document["outcomes"].items() if n)
    lines = [
        f"in {document['days']:.3g} days: {said or 'no release has ended'}",
        f"deployments a day: {dora['deployments_per_day']:.3g} ({dora['deployments']} in all)",
        f"change fail rate: {share(dora['change_fail_rate'])} "
        f"({dora['failed']} of {dora['deployments']}; 95 %: {share(low)} to {share(high)})",
    ]
    for name, what in (
        ("lead_time", "lead time, first seen to all users"),
        ("exposed", "first user to the decision to roll back"),
        ("recovery", "that decision to the release's end"),
    ):
        found = dora[name]
        spread = f", 9 in 10 within {duration(found['p90'])}" if found else ""
        lines.append(f"{what}: {duration(found['median'] if found else None)}{spread}")
    return lines
