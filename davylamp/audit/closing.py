"""closing: was enough seen to say that a finding is over? Pure.

What wasn't looked at is as it was: a platform that doesn't answer mends nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from davylamp.audit.fleet import Fleet

_BY_DATABASE = frozenset({"schema_outside_contract", "overdue_contract"})
_BY_ROUTER = frozenset({"route_drift"})


def seen_enough(fleet: Fleet) -> Callable[[str, str], bool]:
    """Asked with a finding's code and its service ('' for one about the fleet)."""
    rows, services = fleet.instances, fleet.services
    seen = set(rows["service"][rows["is_seen"]])
    wanted = set(services.index[services["replicas"].gt(0)])
    asked = {one.service for one in fleet.routes if one.observed is not None}
    uses = fleet.uses["database"].groupby(fleet.uses["service"]).agg(set).to_dict()

    def answer(code: str, service: str) -> bool:
        if code in _BY_DATABASE:
            return uses.get(service, set()) <= fleet.databases.keys()
        if code in _BY_ROUTER:
            return service in asked or service not in services.index
        if not service:
            return True
        return service in seen or (bool(seen) and service not in wanted)

    return answer
