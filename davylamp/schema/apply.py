"""Bring a database along its history, as far as a phase allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from davylamp.errors import Refused
from davylamp.schema.apply_limits import ApplyLimits, OnStep, hear_nothing
from davylamp.schema.backfill.limits import BackfillLimits
from davylamp.schema.backfill.model import BackfillState, OnProgress, hear_no_progress
from davylamp.schema.backfill.run import run_backfill
from davylamp.schema.carry_out import Run, carry_out
from davylamp.schema.control import ensure_control
from davylamp.schema.database import Db, TargetDatabase
from davylamp.schema.history import pending_here
from davylamp.schema.lease import take_lease
from davylamp.schema.phases import Phase
from davylamp.schema.quarantine_record import extend_open_quarantines
from davylamp.schema.revision import Revision
from davylamp.schema.revisions import in_order
from davylamp.schema.statements import Statement

LEASE = "revisions"
"""One worker at a time changes the shape of a database."""
_ORDER = (Phase.NONE, Phase.EXPAND, Phase.MIGRATE)


@dataclass(frozen=True)
class Applied:
    """What a run of `apply_revisions` did, and what it left."""

    applied: tuple[str, ...] = ()
    pending: tuple[Revision, ...] = ()
    """Not run: the first of them is of a further phase than was allowed."""


def apply_revisions(
    database: TargetDatabase,
    revisions: Sequence[Revision],
    upto_phase: Phase = Phase.EXPAND,
    on_step: OnStep = hear_nothing,
    on_progress: OnProgress = hear_no_progress,
    limits: ApplyLimits | None = None,
    backfill: BackfillLimits | None = None,
) -> Applied:
    """Run what is pending, oldest first, up to the first revision of a phase beyond `upto_phase`.

    `revisions` is the whole history. A migrate revision installs its dual write, backfills,
    verifies, and then runs its statements (VALIDATE …). Contract revisions are never run here but
    by `contract_revision`, after the gate. Dying anywhere: the next call goes on.
    """
    if upto_phase not in _ORDER:
        raise Refused(
            f"revisions are run up to {', '.join(_ORDER)}; contract revisions are carried out one "
            "by one, each after the contract gate"
        )
    bounds = limits or ApplyLimits()
    ordered = in_order(revisions)
    with database.connect("control") as db:
        ensure_control(db)
    with take_lease(database, LEASE, bounds.lease) as lease:
        with database.connect(lease.work) as db:
            pending = pending_here(db, ordered)
        allowed = _allowed(pending, upto_phase)
        for revision in allowed:
            run = Run(database, revision, lease, bounds, on_step, after=_extend)
            if revision.dual_write is not None:
                run = _with_backfill(run, on_progress, backfill or BackfillLimits())
            carry_out(run)
    return Applied(tuple(one.id for one in allowed), pending[len(allowed) :])


def _allowed(pending: Sequence[Revision], upto: Phase) -> tuple[Revision, ...]:
    allowed: list[Revision] = []
    for one in pending:
        if one.phase not in _ORDER or _ORDER.index(one.phase) > _ORDER.index(upto):
            break
        allowed.append(one)
    return tuple(allowed)


def _with_backfill(run: Run, on_progress: OnProgress, limits: BackfillLimits) -> Run:
    def first() -> None:
        assert run.revision.dual_write is not None
        result = run_backfill(
            run.database,
            run.revision.dual_write,
            on_progress,
            limits,
            revision=run.revision.id,
        )
        if result.state is not BackfillState.DONE:
            raise Refused(
                f"revision {run.revision.id}: its backfill {result.backfill} is {result.state}: "
                f"{result.reason}; whoever carries the revision out again goes on from there (a "
                "paused one: after `davylamp schema backfill resume`)"
            )

    return replace(run, first=first)


def _extend(db: Db, _: tuple[Statement, ...]) -> None:
    """A column added while another one is in quarantine must be there for everybody."""
    extend_open_quarantines(db)
