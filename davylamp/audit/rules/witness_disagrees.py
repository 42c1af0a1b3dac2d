"""witness_disagrees: what is said about one instance's build isn't one thing.

Its platform's word counts as one witness, and so does each of several reports of one id. Who has
nothing to say contradicts nobody. A database that has sessions of a build which no instance runs,
and nobody means to run, contradicts the platform as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pandas as pd

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.rule import Rule

CODE = "witness_disagrees"
_PLATFORM = "the platform"


def find(fleet: Fleet) -> Iterator[Finding]:
    told = _told(fleet)
    several = told.groupby("id")["digest"].transform("nunique") > 1
    for instance, found in told[several].groupby("id"):
        yield Finding(
            CODE,
            Severity.CRITICAL,
            min(found["service"]),
            str(instance),
            f"{instance}: " + "; ".join(_words(fleet, found)),
            f"ask {instance} itself what it runs; drain it until the witnesses agree",
        )
    yield from _by_databases(fleet)


def _by_databases(fleet: Fleet) -> Iterator[Finding]:
    alive = _alive(fleet)
    for name, database in fleet.databases.items():
        for one in database.clients:
            if (one.service, one.version) in alive:
                continue
            yield Finding(
                CODE,
                Severity.CRITICAL,
                one.service,
                None,
                f"{name} has {one.sessions} sessions of {one.service} {one.version}, and no "
                "instance that anybody sees runs that build",
                f"find out who is connected to {name} as {one.name} "
                "(pg_stat_activity has the address), and end it; until then no drop is safe",
                subject=f"{name} {one.version}",
            )


def _alive(fleet: Fleet) -> set[tuple[str, str]]:
    """Service and version of all that runs, may run, or is meant to."""
    meant = [fleet.services[part].items() for part in ("stable", "candidate", "baseline")]
    running = fleet.live.itertuples(index=False, name=None)
    return {(str(s), fleet.versions.get(str(d), "")) for s, d in chain(running, *meant)}


def _told(fleet: Fleet) -> pd.DataFrame:
    """id, service, witness, digest; only of instances that may be in dispute."""
    rows = fleet.instances
    asked = set(fleet.witnesses["id"]) | set(rows["id"][rows["is_disputed"]])
    mine = rows[rows["id"].isin(asked) & rows["digest"].ne("")]
    of_platform = mine[["id", "service", "digest"]].assign(witness=_PLATFORM)
    return pd.concat([of_platform, fleet.witnesses])


def _words(fleet: Fleet, found: pd.DataFrame) -> list[str]:
    by_digest = found.groupby("digest")["witness"].agg(lambda names: ", ".join(sorted(set(names))))
    return sorted(f"{who} says {fleet.name_of(str(d))}" for d, who in by_digest.items())


RULE = Rule(CODE, find)
