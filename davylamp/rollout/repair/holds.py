"""Whether a copy is still what a finding says of it. Pure.

The audit's rules for one copy, asked once more before anything is done to it: a finding may be a
minute old, and its copy part of a release by now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance
from davylamp.rollout.repair.concern import Concern
from davylamp.rollout.repair.sight import Sight


def why_over(concern: Concern, sight: Sight) -> str:
    """Empty while the finding holds."""
    copy = sight.copy(concern.instance)
    if copy is None:
        return f"the platform shows no {concern.instance} of {sight.service} that runs"
    return _CHECKS[concern.code](copy, sight)


def _stale(copy: Instance, sight: Sight) -> str:
    if copy.digest == sight.stable:
        return f"{copy.id} runs the stable build {sight.name_of(copy.digest)}"
    active = sight.active
    if active and copy.digest in (active.digest, active.stable_digest):
        return f"{copy.id} runs a build of release {active.id}, which is under way"
    return ""


def _unknown(copy: Instance, sight: Sight) -> str:
    if copy.digest in sight.builds:
        return f"the ledger knows {sight.name_of(copy.digest)} by now"
    return ""


def _leftover(copy: Instance, sight: Sight) -> str:
    if copy.role is Role.STABLE:
        return f"{copy.id} plays the stable part by now"
    return f"release {sight.active.id} is under way" if sight.active else ""


def _bad(copy: Instance, sight: Sight) -> str:
    if not sight.bad(copy.digest):
        return f"{sight.name_of(copy.digest)} is not known bad (any more)"
    return ""


def _of_unknown_service(copy: Instance, sight: Sight) -> str:
    return f"the catalog has {sight.service} by now" if sight.entry else ""


_CHECKS: Mapping[str, Callable[[Instance, Sight], str]] = {
    "stale_instance": _stale,
    "unknown_build": _unknown,
    "leftover_release": _leftover,
    "known_bad_build": _bad,
    "unknown_service": _of_unknown_service,
}
