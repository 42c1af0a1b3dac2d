"""witness_disagrees: what is said about one instance's build isn't one thing.

Its platform's word counts as one witness, and so does each of several reports of one id. Who has
nothing to say contradicts nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

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
