"""Which past builds can be gone back to, and what is in the way of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.builds.contract import Contract
from davylamp.rollout.past import PastBuild
from davylamp.rollout.reachability import Lost, Obstacle, in_words, reachable_builds
from davylamp.schema.facts import Column, SchemaFacts
from davylamp.schema.lineage import Lineage
from davylamp.schema.phases import Phase
from davylamp.schema.shape_changes import Dropped

DROP = Dropped("column", "public", "state", "orders", "state")
CONTRACTED = SchemaFacts(
    "shop",
    "r4",
    Lineage(("r1", "r2", "r3", "r4")),
    {"r1": Phase.EXPAND, "r2": Phase.EXPAND, "r3": Phase.MIGRATE, "r4": Phase.CONTRACT},
    frozenset({Column("public", "orders", "status")}),
    dropped={"r4": (DROP,)},
)
MIGRATED = replace(
    CONTRACTED, present="r3", columns=CONTRACTED.columns | {Column("public", "orders", "state")}
)


def contract(column: str, **more: object) -> Contract:
    return Contract.model_validate({"databases": {"shop": {"reads": [column]}}, **more})


def past(version: str, promised: Contract | None, known_bad: str = "") -> PastBuild:
    return PastBuild(version, f"sha256:{version}", promised, known_bad)


CURRENT = contract("orders.status", writes_values={"orders.status": ["paid", "refunded"]})
READS_OLD = past("1.0.0", contract("orders.state"))
READS_NEW = past("1.1.0", contract("orders.status"))
READS_FEW = past("1.2.0", contract("orders.status", reads_values={"orders.status": ["paid"]}))
ALL = [READS_FEW, READS_NEW, READS_OLD]


def blocks(*found: PastBuild, facts: SchemaFacts = MIGRATED, **more: object) -> list[list[str]]:
    reach = reachable_builds(CURRENT, found, {"shop": facts}, **more)  # type: ignore[arg-type]
    return [[str(block.kind) for block in one.blocks] for one in reach]


def test_in_a_state_compatible_with_all_only_values_are_in_the_way() -> None:
    assert blocks(*ALL) == [["domains"], [], []]


def test_after_a_drop_the_builds_that_need_it_are_out_of_reach() -> None:
    assert blocks(*ALL, facts=CONTRACTED) == [["domains"], [], ["schema"]]


def test_a_point_of_no_return_is_told_by_its_revision_and_no_override_helps() -> None:
    lost = [Lost("shop", "r4", frozenset({READS_OLD.digest}))]
    (reach,) = reachable_builds(CURRENT, [READS_OLD], {"shop": CONTRACTED}, lost)
    assert reach.blocks[0].kind is Obstacle.NO_RETURN
    assert "revision r4 of shop" in reach.blocks[0].why
    assert not reach.blocks[0].kind.can_be_overridden


def test_what_isnt_known_is_in_the_way() -> None:
    assert blocks(past("0.9.0", None)) == [["unknown"]]
    unseen = {"shop": "it does not answer"}
    reach = reachable_builds(CURRENT, [READS_NEW], {}, unseen=unseen)
    assert [b.why for b in reach[0].blocks] == ["shop could not be looked at: it does not answer"]
    assert [b.kind for b in reachable_builds(None, [READS_NEW], {"shop": MIGRATED})[0].blocks] == [
        Obstacle.UNKNOWN
    ]


def test_a_build_known_bad_is_not_gone_back_to() -> None:
    assert blocks(past("1.1.0", READS_NEW.contract, "it leaked")) == [["known_bad"]]


def test_a_build_without_databases_can_be_gone_back_to_when_none_answers() -> None:
    reach = reachable_builds(Contract(), [past("1.0.0", Contract())], {}, unseen={"shop": "down"})
    assert reach[0].is_reachable


def test_it_is_said_in_one_line() -> None:
    said = in_words(reachable_builds(CURRENT, ALL, {"shop": MIGRATED}))
    assert said == (
        "one can go back to 1.1.0, 1.0.0, not to 1.2.0 (users' build may write orders.status "
        "= 'refunded')"
    )
    assert in_words([]) == ""
    shut = in_words(reachable_builds(CURRENT, [READS_FEW], {"shop": MIGRATED}))
    assert shut.startswith("one can go back to no build, not to 1.2.0")


@pytest.mark.parametrize("facts", [MIGRATED, CONTRACTED])
def test_the_document_has_every_block(facts: SchemaFacts) -> None:
    (reach,) = reachable_builds(CURRENT, [READS_FEW], {"shop": facts})
    document = reach.document()
    assert document["reachable"] is False
    assert document["blocks"][0]["kind"] == "domains"


contracts = st.one_of(
    st.none(), st.sampled_from([CURRENT, *(one.contract for one in ALL), Contract()])
)
pasts = st.builds(past, st.just("1.0.0"), contracts, st.sampled_from(["", "it leaked"]))


@given(contracts, pasts, st.sampled_from([MIGRATED, CONTRACTED]))
def test_knowing_less_never_makes_a_build_reachable(
    current: Contract | None, one: PastBuild, facts: SchemaFacts
) -> None:
    known = reachable_builds(current, [one], {"shop": facts})[0].is_reachable
    blind = reachable_builds(current, [one], {}, unseen={"shop": "down"})[0].is_reachable
    vague = reachable_builds(current, [replace(one, contract=None)], {"shop": facts})
    lost = [Lost("shop", "r4", frozenset({one.digest}))]
    assert not vague[0].is_reachable
    assert not reachable_builds(current, [one], {"shop": facts}, lost)[0].is_reachable
    assert known or not blind or not (one.contract and one.contract.databases)
