"""A schema change without a release: ahead of one, where a backfill takes long; or the drop after
the last build that needed the old shape."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from davylamp.errors import BadInput, DavylampError
from davylamp.rollout.engine import Engine
from release_defs.ops.claim import interrupts_held
from release_defs.ops.metadata import Metadata
from release_defs.ops.schema_report import report_state, telling
from sensors.names import DATABASE_TAG, OUTCOME_TAG, REVISION_TAG, SCHEMA_OF_TAG

if TYPE_CHECKING:
    from davylamp.rollout.schema_change import SchemaDone
    from davylamp.rollout.schema_work import SchemaWork

    Act = Callable[[SchemaWork], SchemaDone]

PHASES = ("expand", "migrate", "contract")


class SchemaChangeConfig(dg.Config):
    """What to change."""

    service: str = Field(description="Name of a service of the catalog, e.g. `orders`.")
    image: str = Field(
        "",
        description="The build that brings it: version, tag or digest. Empty: the one users have.",
    )
    phase: str = Field(
        "migrate",
        description="`expand`: add. `migrate`: add, then dual write and backfill to the verified "
        "end. `contract`: drop what no living build needs.",
    )
    revision: str = Field(
        "", description="Of `contract`: the revision to carry out. Empty: the one that is next."
    )


@dataclass(frozen=True)
class Change:
    """What was asked for, about one build."""

    service: str
    digest: str
    phase: str
    revision: str = ""


@dg.op(
    out={"expand": dg.Out(Change, is_required=False), "contract": dg.Out(Change, is_required=False)}
)
def accept_change(
    context: dg.OpExecutionContext,
    config: SchemaChangeConfig,
    engine: dg.ResourceParam[Engine],
) -> Iterator[dg.Output[Change]]:
    """Tell which build is meant: a tag is resolved to its digest once, and checked."""
    from davylamp.rollout.schema_by_hand import digest_meant

    service, phase = config.service.strip(), config.phase.strip()
    context.instance.add_run_tags(context.run_id, {SCHEMA_OF_TAG: service})
    with refusing(context), engine.parts() as parts:
        if phase not in PHASES:
            raise BadInput(f"phase {phase!r}: one of {', '.join(PHASES)}")
        digest = digest_meant(parts, parts.catalog.service(service), config.image.strip())
    change = Change(service, digest, phase, config.revision.strip())
    branch = "contract" if phase == "contract" else "expand"
    yield dg.Output(change, branch, metadata={"digest": digest, "phase": phase})


@dg.op(
    out={"migrate": dg.Out(Change, is_required=False), "done": dg.Out(Change, is_required=False)}
)
def expand_alone(
    context: dg.OpExecutionContext, change: Change, engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Change]]:
    """Add what the build needs, beside every build that is alive."""
    from davylamp.rollout.schema_change import expand

    shown = _carry_out(context, engine, change, expand)
    yield dg.Output(change, "migrate" if change.phase == "migrate" else "done", metadata=shown)


@dg.op
def migrate_alone(
    context: dg.OpExecutionContext, change: Change, engine: dg.ResourceParam[Engine]
) -> None:
    """Dual write, and the backfill to its verified end. Terminating the run stops it after the
    batch it is in; the next run goes on from there."""
    from davylamp.rollout.schema_change import migrate

    context.add_output_metadata(_carry_out(context, engine, change, migrate))


@dg.op
def contract_alone(
    context: dg.OpExecutionContext, change: Change, engine: dg.ResourceParam[Engine]
) -> None:
    """Gate, quarantine, gate again, point of no return, drop. Terminating the run in its quarantine
    gives everybody his rights back."""
    from davylamp.rollout.schema_contract import contract

    done = _carry_out(context, engine, change, lambda work: contract(work, change.revision))
    context.add_output_metadata(done)


@contextmanager
def refusing(
    context: dg.OpExecutionContext, shown: Callable[[], Metadata] = lambda: {}
) -> Iterator[None]:
    """Whatever the engine refuses is the run's red end, with its reason."""
    try:
        yield
    except DavylampError as error:
        context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: "refused"})
        raise dg.Failure(f"stopped: {error}", shown(), allow_retries=False) from error
    except BaseException:
        context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: "stopped"})
        raise


def _carry_out(
    context: dg.OpExecutionContext, engine: Engine, change: Change, act: "Act"
) -> Metadata:
    from davylamp.rollout.schema_by_hand import work_by_hand

    shown: Metadata = {}
    with refusing(context, lambda: shown), engine.parts() as parts:
        try:
            with telling(context) as told:
                by = f"run {context.run_id[:8]}"
                service = parts.catalog.service(change.service)
                work = work_by_hand(parts, service, change.digest, by, told.listener)
                _tag(context, work, change)
                done = act(work)
                context.log.info(done.reason)
                shown["result"] = done.reason
        finally:
            with interrupts_held():
                shown |= told.account.metadata() | report_state(context, parts, change.service)
    context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: "done"})
    return shown


def _tag(context: dg.OpExecutionContext, work: "SchemaWork", change: Change) -> None:
    tags = {DATABASE_TAG: work.name}
    if change.revision:
        tags[REVISION_TAG] = change.revision
    context.instance.add_run_tags(context.run_id, tags)
