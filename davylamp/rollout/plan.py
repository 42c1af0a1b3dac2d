"""Plan: the steps of a release, derived from the service's policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from davylamp.catalog.model import ReleasePolicy


@dataclass(frozen=True)
class PlanStep:
    """One judged step. Shares of users in [0, 1]."""

    share: float
    baseline_share: float
    seconds: float
    minimum_requests: int


@dataclass(frozen=True)
class Plan:
    """How a release goes: judged steps below 100 %, then the watch at 100 %."""

    steps: tuple[PlanStep, ...]
    watch_seconds: float
    patience_seconds: float
    hold_seconds: float
    watch_requests: int = 1
    """Requests the candidate must have completed at 100 %, at least one, unless a person
    promoted it."""
    blind_seconds: float = 15.0
    """How long a candidate may serve users while no signals of it arrive."""

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        values: dict[str, Any] = dict(document)
        values["steps"] = tuple(PlanStep(**step) for step in document["steps"])
        return cls(**values)


def canary_plan(policy: ReleasePolicy) -> Plan:
    """The plan of a canary: the baseline gets the candidate's share, as far as there is room."""
    judged = [step for step in policy.steps if step.share < 1.0]
    return Plan(
        steps=tuple(
            PlanStep(s.share, min(s.share, 1.0 - s.share), s.seconds, s.minimum_requests)
            for s in judged
        ),
        watch_seconds=policy.steps[-1].seconds,
        patience_seconds=policy.patience_seconds,
        hold_seconds=policy.hold_seconds,
        watch_requests=max(1, policy.steps[-1].minimum_requests),
    )


def first_plan(policy: ReleasePolicy) -> Plan:
    """A service without a stable build has no users to protect and nothing to compare with."""
    return Plan((), 0.0, policy.patience_seconds, policy.hold_seconds)
