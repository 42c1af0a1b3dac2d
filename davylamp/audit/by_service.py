"""by_service: the fleet as one row a service, for those who look at it as a whole. Pure."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from davylamp.audit.fleet import Fleet


def by_service(fleet: Fleet) -> pd.DataFrame:
    """By name, of the catalog's services and of those that only the platform shows:

    version and age (seconds; NaN: never released) of the stable build; wanted, seen and unseen
    copies; versions, of the copies seen, as `{version: copies}`; is_releasing; in_catalog.
    """
    rows = fleet.instances.drop_duplicates("id")
    names = sorted({*fleet.services.index, *rows["service"]})
    known = fleet.services.reindex(names)
    seen = rows[rows["is_seen"]]
    found = pd.DataFrame(
        {
            "version": [_version(fleet, d) for d in known["stable"]],
            "age": (fleet.now - known["since"]).clip(lower=0.0),
            "wanted": known["replicas"].fillna(0).astype(int),
            "seen": _count(seen, names),
            "unseen": _count(rows[~rows["is_seen"]], names),
            "is_releasing": known["is_releasing"].eq(True),
            "in_catalog": known["stable"].notna(),
        },
        index=pd.Index(names, name="service", dtype=object),
    )
    alive = _versions(fleet, seen)
    found["versions"] = pd.Series([alive.get(n, {}) for n in names], found.index, dtype=object)
    return found


def _count(rows: pd.DataFrame, names: list[str]) -> list[int]:
    counted = Counter(rows["service"])
    return [counted[name] for name in names]


def _version(fleet: Fleet, digest: object) -> str:
    if not isinstance(digest, str) or not digest:
        return ""
    return fleet.versions.get(digest) or digest[:19]


def _versions(fleet: Fleet, seen: pd.DataFrame) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for service, digest in zip(seen["service"], seen["digest"], strict=True):
        version = _version(fleet, digest) or "unknown"
        of = found.setdefault(service, {})
        of[version] = of.get(version, 0) + 1
    return {service: dict(sorted(of.items())) for service, of in found.items()}
