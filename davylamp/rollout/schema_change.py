"""Expand and migrate one database: by a release, by a job of its own, or by hand.

Either may die anywhere and be called again. What was done is in the database's control tables,
who did it and why it stopped in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from davylamp.errors import Refused
from davylamp.rollout.schema_work import SchemaWork
from davylamp.schema.apply import apply_revisions
from davylamp.schema.lint.finding import Finding
from davylamp.schema.lint.release import check_release
from davylamp.schema.lint.revisions import lint_revisions
from davylamp.schema.phases import Phase
from davylamp.schema.revision import Revision


@dataclass(frozen=True)
class SchemaDone:
    """What was carried out, and what still waits."""

    reason: str
    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def check(work: SchemaWork) -> tuple[Revision, ...]:
    """The pending revisions, if all may be carried out, and those of one release together. Raises
    `Refused` with the first finding and its advice."""
    state = work.state()
    pending = work.pending(state)
    waiting = {str(one.file) for one in pending}
    verdicts = [v for v in lint_revisions(work.revisions) if v.file in waiting]
    refused = [f for v in verdicts for f in v.findings if f.phase is Phase.REFUSED]
    together = check_release(pending) if state.revision else ()
    _refuse([*refused, *together])
    return pending


def expand(work: SchemaWork) -> SchemaDone:
    """Add what the build needs, beside every build that is alive."""
    return _apply(work, Phase.EXPAND)


def migrate(work: SchemaWork) -> SchemaDone:
    """Dual write, backfill to its verified end, validation."""
    return _apply(work, Phase.MIGRATE)


def _apply(work: SchemaWork, upto: Phase) -> SchemaDone:
    pending = check(work)
    if not pending or pending[0].phase is Phase.CONTRACT:
        waiting = tuple(one.id for one in pending)
        return SchemaDone(f"{work.name} has all it needs", (), waiting)
    work.note(f"{upto}_begun", f"pending: {', '.join(one.id for one in pending)}")
    try:
        done = apply_revisions(
            work.target, work.revisions, upto, work.tell.on_step, work.tell.on_progress
        )
    except BaseException as error:  # a cancelled run stops here too
        work.note(f"{upto}_stopped", str(error) or type(error).__name__)
        raise
    finally:
        work.state()
    said = ", ".join(done.applied) or "nothing"
    work.note(f"{upto}_done", f"applied: {said}", applied=list(done.applied))
    return SchemaDone(
        f"{work.name}: applied {said}", done.applied, tuple(one.id for one in done.pending)
    )


def _refuse(findings: Sequence[Finding]) -> None:
    if not findings:
        return
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    raise Refused(
        f"{first.file}:{first.line}: {first.rule}: {first.message}{more}. "
        f"The safe way: {first.advice}"
    )
