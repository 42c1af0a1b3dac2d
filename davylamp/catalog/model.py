"""A service as its owners describe it: YAML in, checked values out."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from davylamp.catalog.databases import Database, DatabaseName
from davylamp.catalog.metrics import Metric
from davylamp.judge.policy import JudgePolicy

Share = Annotated[float, Field(gt=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}[a-z0-9]$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Entry):
    """One step of a canary: this share of the users, at least so long and so many requests."""

    share: Share
    seconds: float = Field(default=60.0, ge=0)
    minimum_requests: int = Field(default=50, ge=0)
    """Requests the candidate must have completed within the step."""


def _default_steps() -> tuple[Step, ...]:
    return (
        Step(share=0.01, seconds=60, minimum_requests=50),
        Step(share=0.05, seconds=120, minimum_requests=200),
        Step(share=0.25, seconds=300, minimum_requests=500),
        Step(share=1.0, seconds=300, minimum_requests=0),
    )


class ReleasePolicy(_Entry):
    """How a service wants to be released. The last step has share 1: the watch after promotion,
    in which the previous build stays warm."""

    strategy: Literal["canary"] = "canary"
    steps: tuple[Step, ...] = Field(default_factory=_default_steps, min_length=1)
    patience_seconds: float = Field(default=600.0, gt=0)
    """How long a step may wait beyond its time for requests or a clear verdict; then: hold."""
    hold_seconds: float = Field(default=3600.0, ge=0)
    """How long a held release waits for a human; then: roll back."""
    candidate_instances: int = Field(default=1, ge=1, le=100)
    """Copies of candidate, and as many of the fresh baseline, during the canary."""
    drain_seconds: float = Field(default=10.0, ge=0)

    @model_validator(mode="after")
    def _steps_grow_to_everything(self) -> ReleasePolicy:
        shares = [step.share for step in self.steps]
        if any(b <= a for a, b in pairwise(shares)):
            raise ValueError(f"the shares of steps must grow, found {shares}")
        if shares[0] == 1.0:
            raise ValueError("the first step must have a share below 1.0: users come bit by bit")
        if shares[-1] != 1.0:
            raise ValueError(f"the last step must have share 1.0, found {shares[-1]}")
        return self


class Image(_Entry):
    repository: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$")]
    """Name within the registry, e.g. `shop/checkout`."""
    registry: str = ""
    """Another registry than the one in the settings."""
    tag_pattern: str = r"^v?\d+\.\d+\.\d+$"
    """Regular expression of the tags that are releases; the newest by version is taken."""


class Route(_Entry):
    hosts: tuple[str, ...] = Field(min_length=1)
    """Host names under which the service is asked for."""
    user_header: str = "x-user-id"
    user_cookie: str = "davylamp-user"
    """Who the user is, so that shares are of users. Without either, a cookie is issued."""
    tester_header: str = "x-davylamp-build"
    """`candidate` or `baseline` in this header (synthetic and tester traffic) goes there."""
    shield: bool = True
    """Repeat a GET or HEAD that failed on the candidate once on stable."""
    shield_timeout_seconds: float = Field(default=1.0, gt=0)
    """How long the candidate may take for a shielded attempt; keep it above stable's p99."""


class Health(_Entry):
    path: str = Field(default="/healthz", pattern="^/")
    start_seconds: float = Field(default=30.0, gt=0, le=600)


class Judging(_Entry):
    """The judge's rules; see `davylamp.judge.policy` for their meaning."""

    rule: Literal["sequential", "fail-ratio", "score"] = "sequential"
    second_opinion: bool = False
    """Believe a roll-back by the judge only when a second try, with fresh copies and other
    users, ends in one too; a build is known as bad from then on."""
    ignored: tuple[str, ...] = ()
    """Metrics that are not judged."""
    metrics: tuple[Metric, ...] = Field(default=(), max_length=20)
    """The service's own, from Prometheus."""
    alpha: float = Field(default=0.025, gt=0, lt=0.5)
    warm_up_seconds: float = Field(default=30.0, ge=0)
    error_ratio: float = Field(default=1.25, ge=1)
    error_rate: float = Field(default=0.003, gt=0, lt=0.006)
    gross_ratio: float = Field(default=2.0, ge=1)
    gross_rate: float = Field(default=0.05, gt=0, lt=0.08)
    latency_ratio: float = Field(default=1.10, ge=1)
    gross_latency_ratio: float = Field(default=2.0, ge=1)
    client_error_ratio: float = Field(default=1.5, ge=1)
    client_error_floor: float = Field(default=0.02, ge=0, lt=1)
    cpu_ratio: float = Field(default=1.5, ge=1)
    memory_ratio: float = Field(default=1.10, ge=1)
    share_tolerance: float = Field(default=3.0, gt=1)
    minimum_requests: int = Field(default=50, ge=1)
    minimum_ticks: int = Field(default=10, ge=3)
    interval_seconds: float = Field(default=1.0, ge=1)
    confidence: float = Field(default=0.98, gt=0.5, lt=1)
    pass_score: float = Field(default=75.0, ge=0, le=100)
    marginal_score: float = Field(default=50.0, ge=0, le=100)
    critical: tuple[str, ...] = ("error_rate", "latency_p99", "hanging")

    @model_validator(mode="after")
    def _marginal_below_pass(self) -> Judging:
        if self.marginal_score > self.pass_score:
            raise ValueError("marginal_score must not be above pass_score")
        return self

    def policy(self) -> JudgePolicy:
        values = self.model_dump(exclude={"second_opinion", "metrics"})
        of_the_window = {f.name for f in fields(JudgePolicy)} & values.keys()
        window = {name: values.pop(name) for name in of_the_window}
        named = tuple(metric.rule() for metric in self.metrics)
        return JudgePolicy(**window, named=named, constants=values)


class Service(_Entry):
    """An entry of the catalog."""

    name: Name
    owner: str = Field(min_length=1)
    tier: int = Field(default=3, ge=1, le=4)
    """1: users notice at once … 4: nobody notices for a day."""
    description: str = ""
    image: Image
    route: Route
    instances: int = Field(default=2, ge=1, le=1000)
    health: Health = Field(default_factory=Health)
    environment: dict[str, str] = Field(default_factory=dict[str, str])
    signature_required: bool = True
    databases: dict[DatabaseName, Database] = Field(default_factory=dict[DatabaseName, Database])
    release: ReleasePolicy = Field(default_factory=ReleasePolicy)
    judge: Judging = Field(default_factory=Judging)


class Catalog(_Entry):
    services: dict[str, Service]

    def service(self, name: str) -> Service:
        from davylamp.errors import BadInput

        try:
            return self.services[name]
        except KeyError:
            known = ", ".join(sorted(self.services)[:20]) or "none at all"
            raise BadInput(f"the catalog has no service {name!r}; it has: {known}") from None
