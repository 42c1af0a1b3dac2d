"""Who keeps a column from being dropped. Pure, so: many fleets."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from davylamp.builds.contract import Contract, DatabaseContract
from davylamp.judge.sample import Role
from davylamp.ledger.instance import UNKNOWN_DIGEST, Instance, InstanceState
from davylamp.schema.contract_gate import (
    BuildName,
    ContractChange,
    Fleet,
    KnownBuild,
    Wanted,
    gate_contract,
)
from davylamp.schema.lineage import Lineage
from davylamp.schema.shape_changes import Dropped
from davylamp.schema.witness import Client, name_of_build

STATE = Dropped("column", "public", "state", "orders", "state")
CHANGE = ContractChange("shop", "r4", (STATE,), Lineage(("r1", "r2", "r3", "r4", "r5")))
READY = InstanceState.READY


def contract(*columns: str, newest: str = "") -> Contract:
    wanted = DatabaseContract(reads=columns, newest_revision=newest)
    return Contract(databases={"shop": wanted})


def build(version: str, promised: Contract | None, service: str = "orders") -> KnownBuild:
    return KnownBuild(BuildName(service, version, f"sha256:{service}-{version}"), promised)


def copy(of: KnownBuild, name: str = "i1", state: InstanceState = READY) -> Instance:
    return Instance(name, of.name.service, of.name.digest, Role.STABLE, 1, state)


OLD = build("1.0.0", contract("orders.state"))
NEW = build("1.1.0", contract("orders.status"))
CART = build("3.0.0", Contract(), service="cart")


def test_an_old_instance_alive_keeps_the_column_and_is_named() -> None:
    fleet = Fleet([copy(OLD, "orders-7"), copy(NEW, "orders-8")], [OLD, NEW])
    answer = gate_contract(CHANGE, fleet)
    assert not answer.allowed
    assert [b.who for b in answer.blockers] == ["orders-7"]
    assert "orders-7 runs orders 1.0.0" in answer.reason
    assert "its contract names orders.state" in answer.reason


def test_with_the_old_builds_gone_it_may_go_and_they_can_never_come_back() -> None:
    answer = gate_contract(CHANGE, Fleet([copy(NEW), copy(CART, "c1")], [OLD, NEW, CART]))
    assert answer.allowed
    assert answer.no_return == (OLD.name,)


def test_an_instance_that_cant_be_reached_needs_everything() -> None:
    gone = replace(copy(CART, "c1", InstanceState.UNREACHABLE), reason="its node is silent")
    answer = gate_contract(CHANGE, Fleet([gone], [OLD, NEW, CART]))
    assert not answer.allowed
    assert "its node is silent" in answer.reason


def test_a_process_nobody_knows_needs_everything() -> None:
    stranger = replace(copy(NEW, "i9"), digest=UNKNOWN_DIGEST)
    answer = gate_contract(CHANGE, Fleet([stranger], [NEW]))
    assert not answer.allowed
    assert "its contract is not known" in answer.reason


def test_a_build_that_names_no_columns_needs_everything_before_its_newest_revision() -> None:
    vague, tried = build("2.0.0", contract()), build("2.1.0", contract(newest="r4"))
    assert not gate_contract(CHANGE, Fleet([copy(vague)], [vague])).allowed
    assert gate_contract(CHANGE, Fleet([copy(tried)], [tried])).allowed


def test_a_contradiction_in_a_contract_counts_against_the_drop() -> None:
    both = build("2.0.0", contract("orders.state", newest="r5"))
    assert not gate_contract(CHANGE, Fleet([copy(both)], [both])).allowed


def test_a_dropped_table_takes_its_columns() -> None:
    table = replace(CHANGE, drops=(Dropped("table", "public", "orders", "orders"),))
    assert not gate_contract(table, Fleet([copy(NEW)], [NEW])).allowed


def test_what_a_contract_has_no_name_for_waits_for_builds_that_work_without_it() -> None:
    check = replace(CHANGE, drops=(Dropped("constraint", "public", "positive", "orders"),))
    assert not gate_contract(check, Fleet([copy(NEW)], [NEW])).allowed
    tried = build("1.2.0", contract("orders.status", newest="r4"))
    assert gate_contract(check, Fleet([copy(tried)], [tried])).allowed


def test_a_build_one_would_go_back_to_keeps_the_column_without_any_instance() -> None:
    warm = Wanted("orders", OLD.name.digest, "release 7 would go back to it")
    answer = gate_contract(CHANGE, Fleet([copy(NEW)], [OLD, NEW], [warm]))
    assert not answer.allowed
    assert "release 7 would go back to it" in answer.reason


def test_a_candidate_that_is_not_verified_yet_needs_everything() -> None:
    unknown = Wanted("orders", "", "release 8 verifies it")
    assert not gate_contract(CHANGE, Fleet([], [NEW], [unknown])).allowed


def test_a_connected_old_build_is_seen_by_the_second_witness_alone() -> None:
    clients = [Client("orders@1.0.0", "orders", 3), Client("orders@1.1.0", "orders", 3)]
    answer = gate_contract(CHANGE, Fleet([copy(NEW)], [OLD, NEW], clients=clients))
    assert [(b.kind, b.build) for b in answer.blockers] == [("client", str(OLD.name))]


def test_an_unknown_client_needs_everything_unless_it_is_allowed() -> None:
    fleet = Fleet([copy(NEW)], [NEW], clients=[Client("psql", "ana"), Client("", "bob")])
    assert len(gate_contract(CHANGE, fleet).blockers) == 2
    assert len(gate_contract(CHANGE, replace(fleet, allowlist=frozenset({"psql"}))).blockers) == 1


def test_davylamps_own_sessions_need_nothing_and_no_service_can_pass_for_one() -> None:
    own = [Client("davylamp"), Client("davylamp backfill")]
    assert gate_contract(CHANGE, Fleet([copy(NEW)], [NEW], clients=own)).allowed
    disguised = [Client("davylamp backfill@1.0.0"), Client("davylampish")]
    assert len(gate_contract(CHANGE, Fleet([], [NEW], clients=disguised)).blockers) == 2


def test_a_name_postgresql_cut_short_is_still_known() -> None:
    long = build("1.0.0-" + "x" * 80, contract("orders.state"))
    name = name_of_build("orders", long.name.version)
    assert len(name) == 63
    answer = gate_contract(CHANGE, Fleet([], [long], clients=[Client(name)]))
    assert answer.blockers[0].build == str(long.name)


def test_without_approval_or_without_known_drops_nothing_goes() -> None:
    waiting = gate_contract(replace(CHANGE, approved=False), Fleet([copy(NEW)], [NEW]))
    assert "davylamp schema approve shop r4" in waiting.reason
    assert not gate_contract(replace(CHANGE, drops=()), Fleet([copy(NEW)], [NEW])).allowed


columns = st.sampled_from(["orders.state", "orders.status", "carts.id"])
contracts = st.one_of(
    st.none(),
    st.just(Contract()),
    st.builds(
        contract, columns, columns, newest=st.sampled_from(["", "r1", "r3", "r4", "r5", "r9"])
    ),
)
builds = st.builds(
    build,
    st.sampled_from(["1.0.0", "1.1.0", "1.2.0"]),
    contracts,
    st.sampled_from(["orders", "cart"]),
)
known = st.lists(builds, max_size=6, unique_by=lambda b: b.name)
names = st.sampled_from(
    ["orders@1.0.0", "orders@1.1.0", "cart@1.2.0", "psql", "", "davylamp", "orders@9"]
)


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    found = draw(known)
    instances = st.builds(
        Instance,
        st.sampled_from(["i1", "i2", "i3"]),
        st.sampled_from(["orders", "cart"]),
        st.sampled_from([UNKNOWN_DIGEST, *(b.name.digest for b in found)]),
        st.just(Role.STABLE),
        st.just(1),
        st.sampled_from(InstanceState),
    )
    return Fleet(
        draw(st.lists(instances, max_size=4)),
        found,
        [Wanted(b.name.service, b.name.digest, "stable") for b in found if draw(st.booleans())],
        draw(st.lists(st.builds(Client, names), max_size=3)),
        frozenset(draw(st.sets(st.just("psql")))),
    )


@given(fleets(), st.data())
def test_losing_sight_of_an_instance_never_allows_what_was_refused(
    fleet: Fleet, data: st.DataObject
) -> None:
    before = gate_contract(CHANGE, fleet).allowed
    dark = data.draw(st.sets(st.integers(0, max(0, len(fleet.instances) - 1))))
    unseen = [
        replace(i, state=InstanceState.UNREACHABLE) if n in dark else i
        for n, i in enumerate(fleet.instances)
        if i.state is not InstanceState.STOPPED
    ]
    after = gate_contract(CHANGE, replace(fleet, instances=unseen)).allowed
    assert not after or before
    assert not after or not any(i.state is InstanceState.UNREACHABLE for i in unseen)


@given(fleets(), fleets())
def test_more_of_anything_never_allows_what_was_refused(fleet: Fleet, more: Fleet) -> None:
    if gate_contract(CHANGE, fleet).allowed:
        return
    instances = replace(fleet, instances=[*fleet.instances, *more.instances])
    clients = replace(fleet, clients=[*fleet.clients, *more.clients])
    wanted = replace(fleet, wanted=[*fleet.wanted, *more.wanted])
    drops = replace(CHANGE, drops=(*CHANGE.drops, Dropped("column", "public", "id", "carts", "id")))
    assert not any(gate_contract(CHANGE, f).allowed for f in (instances, clients, wanted))
    assert not gate_contract(drops, fleet).allowed


@given(fleets())
def test_forgetting_a_contract_never_allows_what_was_refused(fleet: Fleet) -> None:
    blind = replace(fleet, builds=[replace(b, contract=None) for b in fleet.builds])
    assert not gate_contract(CHANGE, blind).allowed or gate_contract(CHANGE, fleet).allowed


@given(fleets())
def test_nobody_who_is_alive_or_wanted_is_ever_past_the_point_of_no_return(fleet: Fleet) -> None:
    answer = gate_contract(CHANGE, fleet)
    if answer.allowed:
        alive = {i.digest for i in fleet.instances if i.state is not InstanceState.STOPPED}
        wanted = {w.digest for w in fleet.wanted}
        assert not {name.digest for name in answer.no_return} & (alive | wanted)


@given(fleets())
def test_a_refusal_names_somebody_and_an_answer_has_its_reason(fleet: Fleet) -> None:
    answer = gate_contract(CHANGE, fleet)
    assert answer.reason
    assert answer.allowed == (not answer.blockers)
