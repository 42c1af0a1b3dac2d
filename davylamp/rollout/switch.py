"""A switch of all users at once (blue-green, rolling): the guard that goes before it. Pure.

There is no canary to stop at: users are on either build within seconds, in both directions. So
the databases must be in a state in which both builds work, before anything is started: data
migration leads the code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from davylamp.builds.contract import Contract
from davylamp.rollout.coexistence import (
    Coexistence,
    Conflict,
    LiveBuild,
    check_coexistence,
    check_databases,
)
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.phases import Phase


@dataclass(frozen=True)
class Side:
    """One build of a switch."""

    name: str
    contract: Contract


def check_switch(
    candidate: Side,
    stable: Side,
    databases: Mapping[str, SchemaFacts],
    brings: Mapping[str, Sequence[str]] | None = None,
) -> Coexistence:
    """Whether all users may go from one build to the other, and back.

    `brings`: by database, the revisions in the candidate's image. Expand revisions may be still
    to run where the candidate works without them; anything else has to be finished before.
    """
    alive = [LiveBuild(stable.name, (), stable.contract)]
    forth = check_coexistence(candidate.contract, candidate.name, alive, databases)
    back = check_databases(stable.contract, stable.name, databases)
    pending = [
        conflict
        for name, revisions in sorted((brings or {}).items())
        if name in databases
        for conflict in _pending(candidate.name, databases[name], revisions)
    ]
    return Coexistence((*forth.conflicts, *back, *pending), forth.checked)


def _pending(candidate: str, facts: SchemaFacts, revisions: Sequence[str]) -> list[Conflict]:
    """Migrate revisions the candidate brings that haven't run. Contract revisions wait until the
    old build is gone anyway, and never run in a switch."""
    todo = [
        one
        for one in revisions
        if one not in facts.applied and facts.phases.get(one) is Phase.MIGRATE
    ]
    why = (
        f"{facts.database} is to be migrated first ({', '.join(todo)}): a switch of all users at "
        f"once comes after the data; `davylamp schema change SERVICE --image IMAGE` does it"
    )
    return [Conflict(candidate, f"the database {facts.database}", why)] if todo else []
