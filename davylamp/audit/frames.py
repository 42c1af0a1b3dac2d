"""Frames: an inventory, made into a Fleet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from davylamp.audit.fleet import Fleet
from davylamp.audit.inventory import Copy, Inventory, Limits, Service

Objects: TypeAlias = npt.NDArray[np.object_]
Floats: TypeAlias = npt.NDArray[np.float64]


def fleet_of(inventory: Inventory) -> Fleet:
    """The frames of an inventory. Linear in its size."""
    services = _services(inventory.services, inventory.limits)
    builds = pd.DataFrame(
        {
            "service": _objects(b.service for b in inventory.builds),
            "digest": _objects(b.digest for b in inventory.builds),
            "version": _objects(b.version for b in inventory.builds),
            "known_bad": np.array([b.known_bad for b in inventory.builds], dtype=bool),
        }
    )
    contracts = [(b.digest, b.contract) for b in inventory.builds if b.contract]
    reads = [(digest, flag) for digest, c in contracts for flag in c.flags]
    needs = [
        (digest, name, span.min_revision or "", span.max_revision or "")
        for digest, c in contracts
        for name, span in c.databases.items()
    ]
    uses = [(s.name, name) for s in inventory.services for name in s.databases]
    told = [
        (copy.id, copy.service, witness, digest)
        for copy in inventory.instances
        for witness, digest in (copy.witnesses or {}).items()
        if digest
    ]
    return Fleet(
        now=inventory.now,
        limits=inventory.limits,
        services=services,
        builds=builds,
        reads=_frame(reads, "digest", "flag").drop_duplicates(),
        needs=_frame(needs, "digest", "database", "oldest", "newest").drop_duplicates(),
        uses=_frame(uses, "service", "database").drop_duplicates(),
        instances=_joined(_instances(inventory.instances), services, builds, inventory),
        witnesses=_frame(told, "id", "service", "witness", "digest"),
        flags=inventory.flags,
        databases={one.name: one for one in inventory.databases},
        routes=inventory.routes,
    )


def _services(found: tuple[Service, ...], limits: Limits) -> pd.DataFrame:
    releases = [s.release for s in found]
    own = [s.limits for s in found]
    unseen = [o and o.unseen_seconds for o in own]
    critical = [o and o.unseen_critical_seconds for o in own]
    return pd.DataFrame(
        {
            "stable": _objects(s.stable_digest or "" for s in found),
            "candidate": _objects((r and r.candidate_digest) or "" for r in releases),
            "baseline": _objects((r and r.baseline_digest) or "" for r in releases),
            "since": np.array([s.stable_since for s in found], dtype=float),
            "is_releasing": np.array([r is not None for r in releases], dtype=bool),
            "replicas": np.array([s.replicas for s in found], dtype=int),
            "unseen_seconds": _or(unseen, limits.unseen_seconds),
            "unseen_critical_seconds": _or(critical, limits.unseen_critical_seconds),
        },
        index=pd.Index([s.name for s in found], dtype=object),
    )


def _instances(found: tuple[Copy, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": _objects(i.id for i in found),
            "service": _objects(i.service for i in found),
            "digest": _objects(i.digest or "" for i in found),
            "started": np.array([i.started_at for i in found], dtype=float),
            "last_seen": np.array([i.last_seen_at for i in found], dtype=float),
            "flags_revision": _objects(i.flags_revision for i in found),
            "role": _objects(i.role or "" for i in found),
        }
    )


def _joined(
    rows: pd.DataFrame, services: pd.DataFrame, builds: pd.DataFrame, inventory: Inventory
) -> pd.DataFrame:
    """Adds to each report what is known of its service and its build; see `Fleet.instances`."""
    rows = rows.join(services.drop(columns=["replicas", "since"]), on="service")
    rows["in_catalog"] = rows["is_releasing"].notna()
    rows["is_releasing"] = rows["is_releasing"].eq(True)
    for name in ("stable", "candidate", "baseline"):
        rows[name] = rows[name].fillna("")
    limits = inventory.limits
    rows["unseen_seconds"] = rows["unseen_seconds"].fillna(limits.unseen_seconds)
    rows["unseen_critical_seconds"] = rows["unseen_critical_seconds"].fillna(
        limits.unseen_critical_seconds
    )
    rows["is_known"] = rows["digest"].isin(set(builds["digest"]))
    rows["known_bad"] = _known_bad(rows, builds)
    again = rows["id"].duplicated(keep=False)
    rows["is_disputed"] = False
    last_seen = rows["last_seen"].copy()
    if again.any():
        told = rows[again].assign(digest=rows["digest"].where(rows["digest"].ne("")))
        twice = told.groupby("id")
        rows.loc[again, "is_disputed"] = twice["digest"].transform("nunique") > 1
        last_seen[again] = twice["last_seen"].transform("max")
    rows["age"] = unseen_for(last_seen, rows["unseen_critical_seconds"], inventory.now)
    rows["is_seen"] = rows["age"] <= rows["unseen_seconds"]
    return rows


def unseen_for(
    last_seen: pd.Series[float], believed: pd.Series[float], now: float
) -> pd.Series[float]:
    """Seconds since something was seen; infinite where it never was.

    Clocks may be apart: a moment up to `believed` seconds ahead counts as now. One further
    ahead would stay fresh for ever, so it is no evidence at all.
    """
    age = (now - last_seen).fillna(np.inf)
    return age.where(age >= -believed, np.inf).clip(lower=0.0)


def _known_bad(rows: pd.DataFrame, builds: pd.DataFrame) -> pd.Series[bool]:
    """By service and digest; a build no row has for this service is as bad as it is elsewhere."""
    bad, any_of = builds[builds["known_bad"]], builds[["service", "digest"]]
    if bad.empty:
        return pd.Series(False, index=rows.index)
    here = pd.MultiIndex.from_frame(rows[["service", "digest"]])
    is_bad_here = here.isin(pd.MultiIndex.from_frame(bad[["service", "digest"]]))
    is_own = here.isin(pd.MultiIndex.from_frame(any_of))
    is_bad = rows["digest"].isin(set(bad["digest"]))
    return pd.Series(np.where(is_own, is_bad_here, is_bad), index=rows.index).astype(bool)


def _objects(values: Iterable[str | int | None]) -> Objects:
    found = list(values)
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def _or(values: Iterable[float | None], otherwise: float) -> Floats:
    return np.array([otherwise if v is None else v for v in values], dtype=float)


def _frame(rows: list[tuple[str, ...]], *columns: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(columns), dtype=object)
