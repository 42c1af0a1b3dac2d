"""Inventory: what was seen of the fleet, as a JSON document. docs/audit.md describes it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def _seconds(value: Any) -> Any:
    """ISO 8601 (UTC where it names no zone) or Unix seconds, as Unix seconds."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("no moment: write ISO 8601 or Unix seconds") from error
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, datetime):
        return value.timestamp()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= _LAST:
        raise ValueError("no moment: write ISO 8601 or Unix seconds")
    return value


Moment = Annotated[float, BeforeValidator(_seconds)]
"""Unix seconds."""
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Limits(_Entry):
    """How long things may go on before they are findings."""

    unseen_seconds: Seconds = 60.0
    unseen_critical_seconds: Seconds = 600.0
    flags_lag_seconds: Seconds = 60.0
    contract_overdue_seconds: Seconds = 604_800.0


class OwnLimits(_Entry):
    """A service's own, where they differ from the fleet's."""

    unseen_seconds: Seconds | None = None
    unseen_critical_seconds: Seconds | None = None


class ActiveRelease(_Entry):
    candidate_digest: str | None = None
    baseline_digest: str | None = None


class Service(_Entry):
    name: Text
    stable_digest: str | None = None
    stable_since: Moment | None = None
    replicas: int = Field(ge=0, le=1_000_000)
    release: ActiveRelease | None = None
    databases: tuple[Text, ...] = ()
    limits: OwnLimits | None = None


class Span(_Entry):
    """Which revisions of a database a build works with. What isn't given has no bound."""

    min_revision: str | None = None
    max_revision: str | None = None


class BuildContract(_Entry):
    flags: tuple[Text, ...] = ()
    databases: dict[str, Span] = Field(default_factory=dict[str, Span])


class Build(_Entry):
    digest: Text
    service: Text
    version: str = ""
    known_bad: bool = False
    contract: BuildContract | None = None


class Copy(_Entry):
    """One report of one instance."""

    id: Text
    service: Text
    digest: str | None = None
    started_at: Moment | None = None
    last_seen_at: Moment | None = None
    """None: never seen."""
    flags_revision: int | str | None = None
    role: Literal["stable", "candidate", "baseline"] | None = None
    witnesses: dict[str, str | None] | None = None
    """Who else says which digest it runs; None: had nothing to say."""


class Flags(_Entry):
    revision: int | str | None = None
    published_at: Moment | None = None
    active: tuple[Text, ...] = ()
    retired: tuple[Text, ...] = ()


class Client(_Entry):
    """Sessions that a build has open, by the name it gave them."""

    service: Text
    version: str
    sessions: int = 1

    @property
    def name(self) -> str:
        """What its sessions are called."""
        return f"{self.service}@{self.version}"


class Database(_Entry):
    name: Text
    revision: str | None = None
    lineage: tuple[Text, ...] = ()
    """Oldest to newest."""
    migrated_at: Moment | None = None
    """When its last migrate phase ended, while the old shape is still there."""
    clients: tuple[Client, ...] = ()
    """Builds that are connected to it."""


class Route(_Entry):
    """A router's weights, by digest, and optionally its endpoints (`host:port`)."""

    service: Text
    intended: dict[str, Weight]
    observed: dict[str, Weight] | None
    """None: no router could be asked."""
    intended_endpoints: tuple[str, ...] | None = None
    observed_endpoints: tuple[str, ...] | None = None


class Inventory(_Entry):
    """Everything that was seen at one moment. Unknown keys are ignored; what is missing is not
    taken for fine, so all parts but `limits` have to be there."""

    now: Moment
    services: tuple[Service, ...]
    builds: tuple[Build, ...]
    instances: tuple[Copy, ...]
    flags: Flags
    databases: tuple[Database, ...]
    routes: tuple[Route, ...]
    limits: Limits = Limits()
    unseen: dict[str, str] = Field(default_factory=dict[str, str])
    """What did not answer, and what that means: platform, routers, databases."""
