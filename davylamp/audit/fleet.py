"""Fleet: what was seen, as pandas frames joined once, so that every rule is a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from davylamp.audit.inventory import Database, Flags, Limits, Route


@dataclass(frozen=True)
class Fleet:
    """All that rules look at. Moments are Unix seconds; a digest that isn't known is ''."""

    now: float
    limits: Limits
    services: pd.DataFrame
    """By name: stable, candidate, baseline (digests), since (of the stable build; NaN: never),
    is_releasing, replicas, unseen_seconds, unseen_critical_seconds."""
    builds: pd.DataFrame
    """service, digest, version, known_bad."""
    reads: pd.DataFrame
    """digest, flag: which build reads which flag."""
    needs: pd.DataFrame
    """digest, database, oldest, newest: revisions, '' without bound."""
    uses: pd.DataFrame
    """service, database."""
    instances: pd.DataFrame
    """A row a report: id, service, digest, started, last_seen (NaN: never), flags_revision, role;
    and, joined:

    in_catalog; stable, candidate, baseline, is_releasing; unseen_seconds,
    unseen_critical_seconds; is_known and known_bad (its build); is_disputed (reports of this id
    name several builds); age (seconds since any report of this id saw it; infinite: never);
    is_seen (within the limit)."""
    witnesses: pd.DataFrame
    """id, service, witness, digest: what others than the platform say."""
    flags: Flags
    databases: Mapping[str, Database]
    routes: tuple[Route, ...]

    @cached_property
    def live(self) -> pd.DataFrame:
        """service, digest: builds that run, or may still: an unreachable one isn't gone."""
        found = self.instances[["service", "digest"]]
        return found[found["digest"] != ""].drop_duplicates()

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """Digest → version."""
        return dict(zip(self.builds["digest"], self.builds["version"], strict=True))

    def name_of(self, digest: str) -> str:
        """A build as people know it."""
        if not digest:
            return "an unknown build"
        version = self.versions.get(digest, "")
        return f"{version} ({digest[:19]})" if version else digest[:19]
