"""Repair: the findings that somebody chose, one after the other, by a fresh audit."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from assets.table import text_table
from davylamp.rollout.engine import Engine
from release_defs.ops.metadata import Metadata
from release_defs.ops.schema_alone import refusing
from sensors.names import OUTCOME_TAG

if TYPE_CHECKING:
    from davylamp.audit.repairs import Repairs
    from davylamp.rollout.repair.planned import Done

_COLUMNS = {
    "state": "how it ended; `planned`: it would be done",
    "code": "the finding",
    "where": "the instance, or the service",
    "action": "what a job can do about it",
    "said": "what was (or would be) done, or why not",
}


class RepairConfig(dg.Config):
    """Which findings; all that is left out means any."""

    code: str = Field("", description="Only findings of this code, e.g. `stale_instance`.")
    service: str = Field("", description="Only those of this service.")
    instance: str = Field("", description="Only those of this instance.")
    dry_run: bool = Field(True, description="Only show what would be done. False: do it.")


@dg.op
def repair_findings(
    context: dg.OpExecutionContext, config: RepairConfig, engine: dg.ResourceParam[Engine]
) -> None:
    """Audit the fleet, and do what is to be done about each finding, or show it (dry run)."""
    from davylamp.audit.repairs import audit_and_repair
    from davylamp.rollout.repair.run import Wish, went_wrong

    wish = Wish(config.code.strip(), config.service.strip(), config.instance.strip())
    done: list[Done] = []

    def tell(one: "Done") -> None:
        done.append(one)
        context.log.info(f"{one.planned.concern.code} {one.planned.concern.where}: {one.said}")

    with refusing(context, lambda: shown(done, config.dry_run)), engine.parts() as parts:
        by = f"run {context.run_id[:8]}"
        found = audit_and_repair(parts, wish, do=not config.dry_run, by=by, tell=tell)
    metadata = shown(found.done, config.dry_run) | _left_alone(found)
    wrong = went_wrong(found.done)
    if wrong and not config.dry_run:
        context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: "refused"})
        what = f"{len(wrong)} of {len(found.done)} were not repaired: {wrong[0].said}"
        raise dg.Failure(what, metadata, allow_retries=False)
    context.instance.add_run_tags(
        context.run_id, {OUTCOME_TAG: "dry run" if config.dry_run else "done"}
    )
    context.add_output_metadata(metadata)


def shown(done: Sequence["Done"], dry_run: bool) -> Metadata:
    """Counts by state, and a table with a row a finding."""
    counts: dict[str, int] = {}
    for one in done:
        counts[one.state.value] = counts.get(one.state.value, 0) + 1
    said = ", ".join(f"{n} {state}" for state, n in counts.items()) or "nothing to repair"
    found: Metadata = {"result": said, "dry run": dry_run}
    if done:
        found["repairs"] = text_table(_COLUMNS, map(_row, done))
    return found


def _row(done: "Done") -> dict[str, str]:
    concern = done.planned.concern
    return {
        "state": done.state.value,
        "code": concern.code,
        "where": concern.where,
        "action": done.planned.action.kind.value,
        "said": done.said,
    }


def _left_alone(found: "Repairs") -> Metadata:
    """Findings that somebody answers for."""
    names = sorted({one.instance or one.service or one.code for one in found.waived})
    return {"waived": ", ".join(names[:20])} if names else {}
