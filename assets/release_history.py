"""`release_history`: how the releases of each service went, as its operators read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.live_version import services
from assets.picture import picture
from assets.table import table_of_rows

if TYPE_CHECKING:
    from pathlib import Path

    from davylamp.ledger.session import Ledger
    from davylamp.report.dora import Dora
    from davylamp.report.history import PastRelease
    from davylamp.settings import Settings

DAYS = 30.0
_MOST_ROWS = 20
_COLUMNS = ("release", "version", "how it ended", "began (UTC)", "decided", "harmed", "why")

release_history = dg.AssetSpec(
    "release_history",
    partitions_def=services,
    group_name="fleet",
    kinds={"davylamp"},
    description=(
        "How the releases of each service went in the last 30 days: outcomes, DORA's figures, a "
        "plot, the newest releases, and the page of the last. Each release materializes it when "
        "it has ended."
    ),
)


@dataclass(frozen=True)
class History:
    """What is told of one service."""

    service: str
    outcomes: dict[str, int]
    dora: Dora
    newest: list[PastRelease]
    png: bytes
    page: Path | None = None
    """Of the newest release."""


def read_history(ledger: Ledger, settings: Settings, service: str) -> History:
    """Raises `Unreachable`."""
    from davylamp.report.days import by_day, by_outcome
    from davylamp.report.dora import dora_of
    from davylamp.report.ended_releases import read_window
    from davylamp.report.files import written_page
    from davylamp.report.history import newest
    from davylamp.report.plots.days import draw_days

    with ledger.begin() as db:
        window = read_window(db, DAYS, service)
        found = newest(db, service, _MOST_ROWS)
    return History(
        service=service,
        outcomes=by_outcome(window.releases),
        dora=dora_of(window.releases, window.days),
        newest=found,
        png=draw_days(by_day(window.releases, window.since, window.until), dots_per_inch=90),
        page=written_page(settings, found[0].id) if found else None,
    )


def materialization(history: History) -> dg.AssetMaterialization:
    """What a release reports when it has ended."""
    last = history.newest[0] if history.newest else None
    return dg.AssetMaterialization(
        release_history.key,
        partition=history.service,
        description=f"{last.version}: {last.state}" if last else None,
        metadata=_metadata(history),
    )


def dora_metadata(dora: Dora) -> dict[str, Any]:
    """Single values; durations in seconds. What isn't known yet is left out."""
    from davylamp.report.dora_words import fail_rate

    rate, behind = fail_rate(dora)
    found: dict[str, Any] = {
        "days": round(dora.days, 1),
        "deployments": dora.deployments,
        "deployments a day": round(dora.deployments_per_day, 2),
        "change fail rate": f"{rate} ({behind})",
    }
    named = {"lead time": dora.lead_time, "recovery": dora.recovery, "exposed": dora.exposed}
    for name, one in named.items():
        if one is not None:
            found[f"{name} s"] = round(one.median, 1)
    return found


def _metadata(history: History) -> dict[str, Any]:
    page = {"page": dg.MetadataValue.path(str(history.page))} if history.page else {}
    return {
        **{state.replace("_", " "): n for state, n in history.outcomes.items()},
        **dora_metadata(history.dora),
        **page,
        "newest releases": _table(history.newest),
        **picture("releases a day", history.png),
    }


def _table(found: list[PastRelease]) -> dg.TableMetadataValue:
    from davylamp.report.words import clock, count, duration, spoken

    rows = [
        (
            str(one.id),
            one.version,
            spoken(one.state),
            clock(one.created_at),
            duration(one.seconds_to_decision),
            f"{count(one.harmed_requests)} of {count(one.candidate_requests)}",
            one.reason,
        )
        for one in found
    ]
    return table_of_rows(_COLUMNS, rows)
