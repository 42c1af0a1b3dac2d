"""schema_outside_contract: a database is where a live build doesn't work.

A revision that isn't in the database's lineage is outside of every bound, and so is every
database of a bound that isn't: nothing says that they fit. A database nobody could look at is a
warning. One finding a service, with all its builds and databases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.inventory import Database
from davylamp.audit.rule import Rule

CODE = "schema_outside_contract"


def find(fleet: Fleet) -> Iterator[Finding]:
    places = {
        name: {revision: i for i, revision in enumerate(one.lineage)}
        for name, one in fleet.databases.items()
    }
    live = fleet.live.merge(fleet.needs, on="digest").sort_values(["service", "database", "digest"])
    outside: dict[str, list[str]] = {}
    unseen: dict[str, list[str]] = {}
    for service, digest, name, oldest, newest in live.itertuples(index=False):
        database = fleet.databases.get(name)
        if database is None:
            what = f"{name} was not seen, and {fleet.name_of(digest)} needs it"
            unseen.setdefault(service, []).append(what)
        elif why := _why_outside(database, places[name], oldest, newest):
            what = f"{name} is at {database.revision or 'no revision'}, {fleet.name_of(digest)} "
            outside.setdefault(service, []).append(what + why)
    for service in sorted(outside.keys() | unseen.keys()):
        wrong = outside.get(service, []) + unseen.get(service, [])
        yield Finding(
            CODE,
            Severity.CRITICAL if service in outside else Severity.WARNING,
            service,
            None,
            "; ".join(wrong),
            f"bring the database and the live builds of {service} together: `davylamp status "
            f"{service}` says which builds work with it",
        )


def _why_outside(database: Database, places: Mapping[str, int], oldest: str, newest: str) -> str:
    """Empty when it is within the bounds."""
    present = database.revision or ""
    if not (oldest or newest):
        return ""
    if present and present not in places:
        return f"needs {_bounds(oldest, newest)}, and its history doesn't have that revision"
    strange = [bound for bound in (oldest, newest) if bound and bound not in places]
    if strange:
        return f"needs {_bounds(oldest, newest)}, and its history doesn't have {strange[0]}"
    here = places[present] if present else -1
    if oldest and here < places[oldest]:
        return f"needs {oldest} at least"
    if newest and here > places[newest]:
        return f"works up to {newest}"
    return ""


def _bounds(oldest: str, newest: str) -> str:
    return f"{oldest or 'any'} to {newest or 'any'}"


RULE = Rule(CODE, find)
