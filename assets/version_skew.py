"""`version_skew`: what in the fleet isn't what the ledger says, with a check for each rule."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.audit_checks import CHECKS, results
from assets.fleet_inventory import FRESH
from assets.skew_metadata import frame_of, metadata_of
from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine

if TYPE_CHECKING:
    from davylamp.audit.keep import Kept

NAME = "version_skew"
_OLDEST_SECONDS = 300.0
"""Of an inventory: an older one says nothing about now."""


@dg.asset(
    name=NAME,
    group_name="fleet",
    kinds={"davylamp", "pandas"},
    io_manager_key="ledger_io",
    check_specs=CHECKS,
    dagster_type=dg.Any,
    freshness_policy=FRESH,
    description=(
        "What in the fleet isn't what the ledger says it should be: a row a finding, with its "
        "evidence, since when, and what to do. One check a rule; docs/audit.md explains each."
    ),
)
def version_skew(fleet_inventory: Any, engine: dg.ResourceParam[Engine]) -> dg.MaterializeResult:
    _refuse_old(fleet_inventory.now)
    try:
        kept, history = _audit(engine, fleet_inventory)
    except DavylampError as error:
        raise dg.Failure(f"no audit: {error}") from error
    return dg.MaterializeResult(
        value=frame_of(kept.open),
        metadata=metadata_of(kept, history),
        check_results=results(kept.open, fleet_inventory.unseen),
    )


def _audit(engine: Engine, inventory: Any) -> "tuple[Kept, list[Any]]":
    from davylamp.audit.keep import keep
    from davylamp.audit.waiver_file import waivers_of
    from davylamp.ledger.audits import looks_of_last

    settings = engine.settings()
    with engine.ledger() as ledger:
        kept = keep(ledger, settings, inventory, waivers_of(settings.waivers_path))
        with ledger.begin() as db:
            return kept, looks_of_last(db, days=1)


def _refuse_old(now: float) -> None:
    age = datetime.now(UTC).timestamp() - now
    if age > _OLDEST_SECONDS:
        raise dg.Failure(
            f"the inventory is {age / 60:.0f} minutes old and says nothing about now: "
            "materialize fleet_inventory with it, or run the job fleet_audit"
        )
