"""Two ways back that are shut: one by rows, one by a drop."""

from __future__ import annotations

from davylamp.cli.demo.schema_act.builds import SERVICE
from davylamp.cli.demo.schema_act.evidence import Evidence, RollbackRefused
from davylamp.cli.demo.schema_act.releasing import BY
from davylamp.cli.demo.schema_act.step import Ending, expected
from davylamp.errors import Refused
from davylamp.rollout.go_back import WayBack, go_back, look_back
from davylamp.rollout.parts import Parts
from davylamp.rollout.reachability import Obstacle


def try_to_go_back(parts: Parts, version: str, why: Obstacle, evidence: Evidence) -> Ending:
    """It has to be refused, for that reason among others; by rows only with the rows counted."""
    way = look_back(parts.settings, parts.ledger, parts.catalog.service(SERVICE), version)
    try:
        go_back(parts.ledger, way, BY, None)
    except Refused as error:
        found = _refusal(way, str(error))
        evidence.rollbacks_refused.append(found)
        return expected("refused", "refused", found.reason, _problem(found, why))
    return expected("refused", "allowed", "nothing speaks against it")


def _refusal(way: WayBack, reason: str) -> RollbackRefused:
    unread = [one for found in way.contamination for one in found.found]
    return RollbackRefused(
        to=way.to.version,
        rows=sum(one.rows for one in unread),
        samples=tuple(sample for one in unread for sample in one.samples),
        blocks=tuple(str(block.kind) for block in way.blocks),
        reason=reason,
    )


def _problem(found: RollbackRefused, why: Obstacle) -> str:
    if why not in found.blocks:
        return f"it was refused, but not for {why}: {found.reason}"
    if why is Obstacle.DOMAINS and not (found.rows and found.samples):
        return f"no rows were counted, or none shown: {found.reason}"
    return ""
