"""`fleet_inventory`: everything that runs, as platform, copies, routers and databases show it."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.picture import picture
from assets.table import text_table
from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine

if TYPE_CHECKING:
    import pandas as pd

    from davylamp.audit.inventory import Inventory

FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(minutes=10), warn_window=timedelta(minutes=3)
)
"""A fleet nobody has looked at for that long isn't known to be well."""
_MOST_ROWS = 50


@dg.asset(
    group_name="fleet",
    kinds={"davylamp", "pandas"},
    io_manager_key="ledger_io",
    freshness_policy=FRESH,
    description=(
        "Everything that runs in the fleet: one look at the platform, at each copy's own report, "
        "at the routers and at the databases. What did not answer is in it as not seen."
    ),
)
def fleet_inventory(engine: dg.ResourceParam[Engine]) -> dg.MaterializeResult[Any]:
    from davylamp.audit.gather.everything import gather

    try:
        with engine.parts() as parts:
            inventory = gather(parts)
    except DavylampError as error:
        raise dg.Failure(f"the fleet can't be looked at: {error}") from error
    return dg.MaterializeResult(value=inventory, metadata=metadata_of(inventory))


def metadata_of(inventory: "Inventory") -> dict[str, Any]:
    """Figures, the map, and the services that aren't plainly on one version."""
    from davylamp.audit.by_service import by_service
    from davylamp.audit.frames import fleet_of
    from davylamp.audit.plots.heat_map import cells_of, draw_heat_map

    fleet = fleet_of(inventory)
    rows = by_service(fleet)
    more = rows["versions"].map(len).gt(1)
    short = rows["seen"].lt(rows["wanted"])
    told = rows[more | short | ~rows["in_catalog"]]
    return {
        "services": len(rows),
        "instances seen": int(rows["seen"].sum()),
        "instances not seen": int(rows["unseen"].sum()),
        "services short of copies": int(short.sum()),
        "services on several versions": int(more.sum()),
        "releases under way": int(rows["is_releasing"].sum()),
        "did not answer": "; ".join(f"{k}: {v}" for k, v in inventory.unseen.items()) or "nothing",
        **picture("age of versions", draw_heat_map(cells_of(rows))),
        **({"services that stand out": _table(told)} if len(told) else {}),
    }


def _table(rows: "pd.DataFrame") -> dg.TableMetadataValue:
    """The first of them by name; the figures above count all."""
    columns = ("service", "stable", "versions alive", "seen", "not seen", "releasing")
    records = [
        {
            "service": str(name),
            "stable": row["version"] or "never released",
            "versions alive": ", ".join(f"{v} × {n}" for v, n in row["versions"].items()),
            "seen": f"{row['seen']} of {row['wanted']}",
            "not seen": str(row["unseen"]),
            "releasing": "yes" if row["is_releasing"] else "no",
        }
        for name, row in rows.head(_MOST_ROWS).iterrows()
    ]
    return text_table(columns, records)
