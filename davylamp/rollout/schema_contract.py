"""Contract one database: the step that can't be taken back, after everything that could stop it.

It may die anywhere. Whoever was cut off by a quarantine gets his rights back; a drop is done as a
whole or not at all; the point of no return is in the ledger before it is passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress

from davylamp.errors import DavylampError, Refused, Unreachable
from davylamp.ledger.schema import CONTRACT_STOPPED, CONTRACTED, QUARANTINE
from davylamp.rollout.may_contract import may_contract, note_point_of_no_return
from davylamp.rollout.quarantine_signal import failures_of_users
from davylamp.rollout.schema_change import SchemaDone
from davylamp.rollout.schema_work import SchemaWork
from davylamp.schema.contract import contract_revision
from davylamp.schema.contract_gate import GateAnswer
from davylamp.schema.phases import Phase
from davylamp.schema.quarantine import (
    Signal,
    begin_quarantine,
    end_quarantine,
    watch_quarantine,
)
from davylamp.schema.quarantine_record import Quarantine, QuarantineState, read_quarantine
from davylamp.schema.quarantine_rights import Held
from davylamp.schema.revision import Revision
from davylamp.schema.shape_changes import drops_of


def contract(work: SchemaWork, revision: str = "") -> SchemaDone:
    """Take the old shape away: gate, quarantine, gate again, point of no return, drop.

    Raises `Refused` when somebody still needs it, naming who, or missed it in its quarantine.
    """
    one = next_contract(work, revision)
    if one is None:
        return SchemaDone("there is nothing to contract")
    held = _held_of(one) if work.entry.roles else ()
    _pass_first_gate(work, one, held)
    try:
        with failures_of_users(work.parts, work.name) if held else nullcontext(str) as signal:
            for column in held:
                _quarantine(work, one, column, signal)
        answer = _pass_gate(work, one)  # the quarantine may have taken a day
        note_point_of_no_return(work.parts.ledger, work.name, one.id, answer, work.by)
        contract_revision(
            work.target, work.revisions, one.id, work.tell.on_step, needs_quarantine=bool(held)
        )
    except BaseException as error:
        _give_back(work, one, held, str(error) or type(error).__name__)
        raise
    work.note(CONTRACTED, answer.reason, one.id)
    return SchemaDone(f"{one.id} is done: {answer.reason}", (one.id,), work.state().pending)


def next_contract(work: SchemaWork, revision: str = "") -> Revision | None:
    """The contract revision whose turn it is; None when there is none. Raises `Refused` when
    another one has to come before `revision`."""
    pending = work.pending()
    if revision and revision not in {one.id for one in pending}:
        if revision in {one.id for one in work.revisions}:
            return None
        raise Refused(f"the build brings no revision {revision} of {work.name}")
    if not pending or pending[0].phase is not Phase.CONTRACT:
        if not any(one.phase is Phase.CONTRACT for one in pending):
            return None
        raise Refused(
            f"revision {pending[0].id} ({pending[0].phase}) of {work.name} comes first: "
            "`davylamp schema change` carries it out"
        )
    if revision not in ("", pending[0].id):
        raise Refused(f"revision {pending[0].id} of {work.name} comes before {revision}")
    return pending[0]


def _pass_first_gate(work: SchemaWork, one: Revision, held: Sequence[Held]) -> None:
    """Somebody who needs it now must not go without because an earlier run died before its drop."""
    try:
        _pass_gate(work, one)
    except Refused as error:
        if any(_is_taken(work, column) for column in held):
            _give_back(work, one, held, str(error))
        raise


def _pass_gate(work: SchemaWork, one: Revision) -> GateAnswer:
    answer = may_contract(work.parts, work.name, work.entry, one.id)
    if not answer.allowed:
        blockers = [str(blocker) for blocker in answer.blockers]
        work.note("contract_refused", answer.reason, one.id, blockers=blockers)
        raise Refused(answer.reason)
    return answer


def _held_of(one: Revision) -> tuple[Held, ...]:
    return tuple(
        Held(drop.schema or "public", drop.table, drop.column)
        for drop in drops_of(one.sql)
        if drop.kind == "column"
    )


def _give_back(work: SchemaWork, one: Revision, held: Sequence[Held], why: str) -> None:
    """Whoever was cut off gets his rights back. Where that can't be said to the database now, the
    keeper does it once nobody watches."""
    given: list[str] = []
    left: list[str] = []
    for column in held:
        try:
            if _is_taken(work, column):
                end_quarantine(work.target, column, why)
                given.append(column.id)
        except DavylampError:
            left.append(column.id)
    with suppress(Unreachable):
        work.note(CONTRACT_STOPPED, why, one.id, rights_given_back=given, rights_left=left)


def _is_taken(work: SchemaWork, column: Held) -> bool:
    with work.target.connect("quarantine") as db:
        found = read_quarantine(db, column)
    return found is not None and found.has_rights_taken


def _quarantine(work: SchemaWork, one: Revision, held: Held, signal: Signal) -> None:
    seconds = work.entry.quarantine_seconds
    work.note(QUARANTINE, f"{held.id}: nobody may miss it for {seconds:g} s", one.id)
    begin_quarantine(work.target, held, work.entry.roles, seconds)

    def look(now: Quarantine) -> None:
        work.tell.on_look(max(0.0, (now.until - now.now).total_seconds()))

    found = watch_quarantine(work.target, held, signal, on_look=look)
    if found.state is not QuarantineState.PASSED:
        raise Refused(f"{held.id} was given back to its roles: {found.reason}")
