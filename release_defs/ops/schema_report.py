"""Telling a run's log, its metadata and the asset `migration_state` of a schema change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from assets.live_version import services
from assets.migration_state import DatabaseChange, Migration, materialization, read_migrations
from release_defs.ops.gentle_stop import stopping_gently
from release_defs.ops.harmless import harmless
from release_defs.ops.metadata import Metadata
from release_defs.ops.schema_account import Account, progress_line, quarantine_line, step_line
from release_defs.ops.spaced_log import SpacedLog

if TYPE_CHECKING:
    from davylamp.rollout.contract_ready import ContractOutlook
    from davylamp.rollout.parts import Parts
    from davylamp.rollout.schema_work import Listener
    from davylamp.schema.apply_limits import Step
    from davylamp.schema.backfill.model import Progress


@dataclass(frozen=True)
class Telling:
    """Who listens to the work, and what he has heard."""

    listener: Listener
    account: Account


@contextmanager
def telling(context: dg.OpExecutionContext) -> Iterator[Telling]:
    """Tell of the work until the op ends. Cancelling the run stops the work after its batch."""
    from davylamp.rollout.schema_work import Listener

    log, account = SpacedLog(_sayer(context)), Account()
    with stopping_gently() as check:

        def on_step(step: Step) -> None:
            with harmless(context):
                account.step(step)
                log.add(step_line(step))
            check()

        def on_progress(progress: Progress) -> None:
            with harmless(context):
                account.progress(progress)
                log.how_far(progress_line(progress))
            check()

        def on_look(seconds: float) -> None:
            with harmless(context):
                log.how_far(quarantine_line(seconds))
            check()

        try:
            yield Telling(Listener(on_step, on_progress, on_look), account)
        finally:
            log.flush()


def report_state(context: dg.OpExecutionContext, parts: Parts, service: str) -> Metadata:
    """Materialize `migration_state`, and say what drop is next and who still needs what it takes.
    Whatever fails in here is logged: the work is done, whatever is shown of it."""
    with harmless(context):
        outlooks = _outlooks(parts, service)
        for one in outlooks:
            context.log.info(_in_words(one))
        found = read_migrations(parts, outlooks, service)
        if found:
            context.instance.add_dynamic_partitions(services.name, [service])
            context.log_event(materialization(found[0]))
        return _shown(found)
    return {}


def _outlooks(parts: Parts, service: str) -> list[ContractOutlook]:
    """Of each database, after a look at it."""
    from davylamp.errors import DavylampError
    from davylamp.rollout.contract_ready import contract_outlooks, databases_of_catalog
    from davylamp.rollout.schema_mirror import refresh_state

    everybody = databases_of_catalog(parts)
    found: list[ContractOutlook] = []
    for name in parts.catalog.service(service).databases:
        with suppress(DavylampError):  # its outlook says that it does not answer
            refresh_state(parts, name, everybody[name])
        found += contract_outlooks(parts, name)
    return found


def _in_words(one: ContractOutlook) -> str:
    if one.answer is None:
        return f"{one.database}: which drop is next can't be told: {one.reason}"
    if one.is_ready:
        return f"{one.database}: {one.revision} may drop what it takes: {one.reason}"
    who = "\n".join(f"- {blocker}" for blocker in one.answer.blockers)
    return f"{one.database}: {one.revision} waits:\n{who}"


def _shown(found: list[Migration]) -> Metadata:
    from assets.migration_metadata import metadata_of

    databases: list[DatabaseChange] = [one for of in found for one in of.databases]
    if not databases:
        return {}
    told = metadata_of(databases)
    return {name: told[name] for name in ("next drop", "still needed by", "who needs what")}


def _sayer(context: dg.OpExecutionContext) -> Callable[[str], None]:
    def say(text: str) -> None:
        with harmless(context):
            context.log.info(text)

    return say
