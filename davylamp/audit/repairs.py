"""audit_and_repair: a fresh audit, and what is done about what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from davylamp.audit.findings import Finding
from davylamp.audit.gather.everything import gather
from davylamp.audit.run import run_audit
from davylamp.audit.waiver_file import waivers_of
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair.planned import Done
from davylamp.rollout.repair.run import Wish, repair


@dataclass(frozen=True)
class Repairs:
    """What was (or would be) done, and the findings that somebody answers for: left alone."""

    done: tuple[Done, ...]
    waived: tuple[Finding, ...]


def audit_and_repair(
    parts: Parts,
    wish: Wish,
    *,
    do: bool,
    by: str,
    tell: Callable[[Done], None] = lambda _: None,
) -> Repairs:
    """Raises `BadInput` for a wish that names what nobody knows, `Unreachable` when ledger or
    platform don't answer."""
    waivers = waivers_of(parts.settings.waivers_path)
    seen = gather(parts)
    services = {one.name for one in seen.services} | {one.service for one in seen.instances}
    wish.check(services, {one.id for one in seen.instances})
    audit = run_audit(seen, waivers)
    findings = [one.document() for one in audit.findings]
    done = repair(parts, findings, wish, do=do, by=by, tell=tell)
    return Repairs(tuple(done), tuple(one for one in audit.waived if wish.fits(one.document())))
