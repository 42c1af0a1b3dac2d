"""Carry out a contract revision: the step that can't be taken back. Whether it may be done is the
contract gate's to say; here is only made sure that nothing is lost by doing it."""

from __future__ import annotations

from collections.abc import Sequence

from davylamp.errors import Refused
from davylamp.schema.apply import LEASE
from davylamp.schema.apply_limits import ApplyLimits, OnStep, hear_nothing
from davylamp.schema.backfill.batch import Walk, prepare_session
from davylamp.schema.backfill.limits import BackfillLimits
from davylamp.schema.backfill.model import BackfillState
from davylamp.schema.backfill.record import read_record
from davylamp.schema.backfill.verify import count_unmigrated
from davylamp.schema.carry_out import Run, carry_out
from davylamp.schema.control import ensure_control
from davylamp.schema.database import Db, TargetDatabase, apply_settings
from davylamp.schema.drops import takes
from davylamp.schema.dual_names import id_of
from davylamp.schema.dual_write import installed_dual_writes, remove_dual_write
from davylamp.schema.facts import Column
from davylamp.schema.history import pending_here
from davylamp.schema.lease import take_lease
from davylamp.schema.phases import Phase
from davylamp.schema.quarantine_record import (
    QuarantineState,
    end_by_drop,
    read_quarantine,
    read_quarantines,
)
from davylamp.schema.quarantine_rights import Held
from davylamp.schema.revision import DualWrite, Revision
from davylamp.schema.revisions import in_order
from davylamp.schema.shape_changes import Dropped, drops_of
from davylamp.schema.statements import Statement


def contract_revision(
    database: TargetDatabase,
    revisions: Sequence[Revision],
    revision: str,
    on_step: OnStep = hear_nothing,
    limits: ApplyLimits | None = None,
    *,
    needs_quarantine: bool = True,
) -> None:
    """Run contract revision `revision`, the next of the history `revisions`.

    Refused while a row isn't migrated, or while a column that goes has not passed its quarantine
    (`needs_quarantine`). The dual write goes, and the table's other rights come back, in the very
    transaction that drops: dying anywhere leaves all of it or nothing, and stable is served.
    """
    bounds = limits or ApplyLimits()
    with database.connect("control") as db:
        ensure_control(db)
    with take_lease(database, LEASE, bounds.lease) as lease:
        with database.connect(lease.work) as db:
            pending = pending_here(db, in_order(revisions))
            one = _next(pending, revision)
            if one is None:
                return
            drops = drops_of(one.sql)
            for dual_write in _ended_by(db, drops):
                _check_migrated(db, dual_write)
            if needs_quarantine:
                _check_quarantines(db, drops)
        carry_out(Run(database, one, lease, bounds, on_step, before=_let_go))


def _next(pending: Sequence[Revision], revision: str) -> Revision | None:
    """None when it ran already."""
    if revision not in {one.id for one in pending}:
        return None
    one = pending[0]
    if one.id != revision:
        raise Refused(f"revision {one.id} comes before {revision} and was not run: run it first")
    if one.phase is not Phase.CONTRACT:
        raise Refused(f"revision {revision} is {one.phase}, not contract: `schema apply` runs it")
    return one


def _ended_by(db: Db, drops: Sequence[Dropped]) -> tuple[DualWrite, ...]:
    """The dual writes one of whose columns is dropped."""
    return tuple(one for one in installed_dual_writes(db) if _takes_part(drops, one))


def _takes_part(drops: Sequence[Dropped], dual_write: DualWrite) -> bool:
    columns = [
        Column(dual_write.schema, dual_write.table, c) for c in (dual_write.old, dual_write.new)
    ]
    return any(takes(drop, column) for drop in drops for column in columns)


def _check_migrated(db: Db, dual_write: DualWrite) -> None:
    record = read_record(db, id_of(dual_write))
    if record is None or record.state is not BackfillState.DONE:
        state = record.state if record else "not begun"
        raise Refused(
            f"{id_of(dual_write)}: its backfill is {state}: the drop would lose rows; run "
            "`davylamp schema backfill run` to its end first"
        )
    with db.transaction():
        prepare_session(db, dual_write, BackfillLimits())
    apply_settings(db, {"statement_timeout": "600000"})
    left = count_unmigrated(db, Walk.of(db, dual_write))
    if left:
        raise Refused(
            f"{id_of(dual_write)}: {left} rows are not migrated, although its backfill was done: "
            "something writes past the trigger; find it before anything is dropped"
        )


def _check_quarantines(db: Db, drops: Sequence[Dropped]) -> None:
    for drop in drops:
        if drop.kind != "column":
            continue
        held = Held(drop.schema or "public", drop.table, drop.column)
        found = read_quarantine(db, held)
        if found is None or found.state is not QuarantineState.PASSED:
            state = f"{found.state}: {found.reason}" if found else "never begun"
            raise Refused(f"{held.id}: its quarantine is {state}; the drop waits until it passed")


def _let_go(db: Db, statements: tuple[Statement, ...]) -> None:
    """First in the dropping transaction: the trigger, and the rights."""
    drops = [drop for one in statements for drop in drops_of(one.sql)]
    for dual_write in _ended_by(db, drops):
        remove_dual_write(db, dual_write)
    for one in read_quarantines(db):
        column = Column(one.held.schema, one.held.table, one.held.column)
        if one.has_rights_taken and any(takes(drop, column) for drop in drops):
            end_by_drop(db, one)
