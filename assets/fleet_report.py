"""`fleet_report`: how the releases of the whole fleet go, and its page."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.picture import picture
from assets.release_history import DAYS, dora_metadata
from assets.table import table_of_rows
from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine

if TYPE_CHECKING:
    from davylamp.report.fleet_story import FleetStory

_MOST_ROWS = 50
_COLUMNS = ("service", "runs", "deployments", "failed", "lead time", "recovery")


@dg.asset(
    group_name="fleet",
    kinds={"davylamp"},
    description=(
        "The fleet at a glance: what runs, what is wrong, how the releases of the last 30 days "
        "went, by DORA's figures and day by day. Writes the fleet's page. The schedule "
        "`fleet_reports` makes it every hour; press *Materialize* to have it now."
    ),
)
def fleet_report(engine: dg.ResourceParam[Engine]) -> dg.MaterializeResult[Any]:
    from davylamp.report.files import fleet_file, write_page
    from davylamp.report.fleet_page import fleet_page
    from davylamp.report.read_fleet import read_fleet

    try:
        with engine.ledger() as ledger:
            story = read_fleet(ledger, DAYS)
        file = write_page(fleet_file(engine.settings()), fleet_page(story))
    except DavylampError as error:
        raise dg.Failure(f"the fleet's report can't be made: {error}") from error
    return dg.MaterializeResult(metadata=metadata_of(story, str(file)))


def metadata_of(story: "FleetStory", file: str) -> dict[str, Any]:
    """Figures, the plot, and the services with the most deployments."""
    from davylamp.report.days import by_outcome

    outcomes = by_outcome(story.window.releases)
    critical = sum(one.severity == "critical" for one in story.findings)
    plot = story.pictures[0].png if story.pictures else b""
    return {
        "services": len(story.services),
        "releases under way": len(story.active),
        "open findings": len(story.findings),
        "critical findings": critical,
        **{state.replace("_", " "): n for state, n in outcomes.items()},
        **dora_metadata(story.dora),
        "page": dg.MetadataValue.path(file),
        "services with the most deployments": _table(story),
        **picture("releases a day", plot),
    }


def _table(story: "FleetStory") -> dg.TableMetadataValue:
    from davylamp.report.dora_words import durations, fail_rate

    live = {one.live.name: one.live.stable_version or "nothing yet" for one in story.services}
    most = sorted(story.by_service.items(), key=lambda one: (-one[1].deployments, one[0]))
    rows = [
        (
            name,
            live.get(name, "nothing yet"),
            str(dora.deployments),
            fail_rate(dora)[0],
            durations(dora.lead_time)[0],
            durations(dora.recovery)[0],
        )
        for name, dora in most[:_MOST_ROWS]
    ]
    return table_of_rows(_COLUMNS, rows)
