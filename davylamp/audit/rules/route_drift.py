"""route_drift: a router sends users elsewhere than the confirmed intent says.

Weights are compared in their own unit, to a thousandth of all that is intended: routers count
in whole millionths at best, and shares of users are no coarser than a per cent. A build that
isn't named has weight 0. Endpoints are compared where both sides know them. A router that
couldn't be asked is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.inventory import Route
from davylamp.audit.rule import Rule
from davylamp.audit.words import some

CODE = "route_drift"
TOLERANCE = 0.001
_UNASKED = "no router could be asked what is in force"


def find(fleet: Fleet) -> Iterator[Finding]:
    wrong: dict[str, list[str]] = {}
    unasked = {r.service for r in fleet.routes if r.observed is None and r.intended}
    for route in fleet.routes:
        found = [*_weights(fleet, route), *_endpoints(route)]
        if found:
            wrong.setdefault(route.service, []).extend(found)
    for service in unasked - wrong.keys():
        wrong[service] = [_UNASKED]
    for service, found in sorted(wrong.items()):
        yield Finding(
            CODE,
            Severity.WARNING if found == [_UNASKED] else Severity.CRITICAL,
            service,
            None,
            "; ".join(dict.fromkeys(found)),
            f"have the controller put the route of {service} in force again; if the router drifts "
            f"anew, `davylamp rollback {service}` and look who else writes to it",
        )


def _weights(fleet: Fleet, route: Route) -> Iterator[str]:
    if route.observed is None:
        return
    allowed = TOLERANCE * (sum(route.intended.values()) or 1.0)
    for digest in sorted(route.intended.keys() | route.observed.keys()):
        meant, seen = route.intended.get(digest, 0.0), route.observed.get(digest, 0.0)
        if abs(meant - seen) > allowed:
            yield f"{fleet.name_of(digest)} has weight {seen:g}, intended is {meant:g}"


def _endpoints(route: Route) -> Iterator[str]:
    if route.intended_endpoints is None or route.observed_endpoints is None:
        return
    meant, seen = set(route.intended_endpoints), set(route.observed_endpoints)
    if seen - meant:
        yield f"requests go to {some(sorted(seen - meant))}, where nobody meant them to"
    if meant - seen:
        yield f"no requests go to {some(sorted(meant - seen))}"


RULE = Rule(CODE, find)
