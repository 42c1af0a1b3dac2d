"""The guard as a stage of a release: may it begin, and where could one go back to afterwards?"""

from __future__ import annotations

from davylamp.rollout.conduct.guard import guard_with_databases, refuse
from davylamp.rollout.conduct.session import Session, Stage
from davylamp.rollout.reachability import Reach, in_words
from davylamp.rollout.way_back import Looks, way_back


def guard_stage(session: Session) -> Stage:
    """Nothing incompatible ever meets. Raises `Refused`; what an operator has overridden is
    written down with his reason."""
    guard = guard_with_databases(session, before_expand=True)
    refuse(guard)
    if guard.overridden:
        why = session.release().override_reason or ""
        message = f"overridden ({why}): {'; '.join(map(str, guard.overridden))}"
        session.note("overridden", message, conflicts=list(map(str, guard.overridden)), why=why)
    back = _way_back(session)
    beside = ", ".join(guard.checked) or "no other build"
    reason = f"may stand beside {beside}" + (f"; from it {in_words(back)}" if back else "")
    document = {"checked": list(guard.checked), "back": [one.document() for one in back]}
    if guard.overridden:
        document["overridden"] = list(map(str, guard.overridden))
    return Stage(reason, document)


def _way_back(session: Session) -> tuple[Reach, ...]:
    candidate, parts = session.candidate(), session.parts
    looks = Looks(parts.settings, parts.ledger)
    after = (candidate.digest, candidate.contract)
    return way_back(looks, session.service.name, session.service.databases, after)
