"""The drop of the old column: held up by a copy that lives, and done once that is gone."""

from __future__ import annotations

from collections.abc import Sequence

from davylamp.cli.demo.progress import Progress
from davylamp.cli.demo.schema_act.builds import DATABASE, OLD, SERVICE
from davylamp.cli.demo.schema_act.evidence import Contracted, ContractRefused, Evidence
from davylamp.cli.demo.schema_act.releasing import BY
from davylamp.cli.demo.schema_act.step import Ending, expected
from davylamp.cli.demo.schema_act.table import columns_of_orders
from davylamp.cli.demo.schema_act.telling import Telling
from davylamp.errors import Refused
from davylamp.ledger.contracts import points_of_no_return
from davylamp.ledger.instance import Instance
from davylamp.ledger.schema import schema_events
from davylamp.rollout.parts import Parts
from davylamp.rollout.schema_by_hand import work_by_hand
from davylamp.rollout.schema_change import SchemaDone
from davylamp.rollout.schema_contract import contract


def try_to_drop(parts: Parts, copy: Instance, lines: Progress, evidence: Evidence) -> Ending:
    """It has to be refused, because of that very copy."""
    try:
        done = _contract(parts, lines)
    except Refused as error:
        found = _refusal(parts, str(error))
        evidence.contract_refused = found
        problem = "" if found.instance == copy.id else f"the gate names {found.instance!r}"
        return expected("refused", "refused", found.reason, problem)
    return expected("refused", "contracted", done.reason)


def drop(parts: Parts, lines: Progress, evidence: Evidence) -> Ending:
    """It has to be done: quarantine, point of no return, drop."""
    try:
        done = _contract(parts, lines)
    except Refused as error:
        return expected("contracted", "refused", str(error))
    found = _contracted(parts, done)
    evidence.contracted = found
    lines.say(f"  point of no return passed: {', '.join(found.builds_ended)} is lost for good", "")
    return expected("contracted", "contracted", found.reason, _problem(found))


def _contract(parts: Parts, lines: Progress) -> SchemaDone:
    service = parts.catalog.service(SERVICE)
    return contract(work_by_hand(parts, service, "", BY, Telling(lines).listener()))


def _refusal(parts: Parts, reason: str) -> ContractRefused:
    with parts.ledger.begin() as db:
        events = schema_events(db, DATABASE, kind="contract_refused")
    blockers: Sequence[str] = events[-1].data.get("blockers", []) if events else []
    named = [who for who, runs, _ in (one.partition(" runs ") for one in blockers) if runs]
    return ContractRefused(named[0] if named else "", reason, tuple(blockers))


def _contracted(parts: Parts, done: SchemaDone) -> Contracted:
    service = parts.catalog.service(SERVICE)
    work = work_by_hand(parts, service, "", BY)
    revision = done.applied[0] if done.applied else ""
    with parts.ledger.begin() as db:
        points = [p for p in points_of_no_return(db, DATABASE) if p.revision == revision]
    return Contracted(
        revision=revision,
        reason=done.reason,
        builds_ended=tuple(
            f"{one['service']} {one['version']}" for point in points for one in point.builds
        ),
        quarantine_seconds=work.entry.quarantine_seconds,
        columns_left=columns_of_orders(work.target),
    )


def _problem(found: Contracted) -> str:
    if OLD in found.columns_left:
        return f"the column {OLD} is still there"
    return "" if found.builds_ended else "the point of no return names no build"
