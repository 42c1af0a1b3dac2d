"""A release of a service with a database, as far as its guards go: real ledger, real PostgreSQL,
real images with an Alembic history."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from typer.testing import CliRunner, Result

from davylamp.builds.contract import Contract
from davylamp.catalog.model import Service
from davylamp.cli.main import make_app
from davylamp.errors import Refused
from davylamp.judge.sample import Role
from davylamp.ledger import contracts, evidence, inventory, releases, schema
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.rollout import operate
from davylamp.rollout.conduct import Conduct
from davylamp.rollout.contamination import CONTAMINATED
from davylamp.rollout.databases import environment_of
from davylamp.rollout.may_contract import may_contract, note_point_of_no_return
from davylamp.settings import Addresses, Settings, write_addresses
from tests.release_defs.world import SERVICE, World, make_world

pytestmark = pytest.mark.server
REVISION = """\
from alembic import op
revision = {name!r}
down_revision = {down!r}
phase = {phase!r}
{more}
def upgrade():
    {sql}
"""
HISTORY = (
    ("r1", None, "expand", "", "op.execute('CREATE TABLE orders (id bigint, state text)')"),
    ("r2", "r1", "expand", "", "op.execute('ALTER TABLE orders ADD COLUMN status text')"),
    (
        "r3",
        "r2",
        "migrate",
        "dual_write = {'table': 'orders', 'old': 'state', 'new': 'status'}",
        "pass",
    ),
    ("r4", "r3", "contract", "", "op.execute('ALTER TABLE orders DROP COLUMN state')"),
)


def promises(column: str, *, reads: str = "a b", writes: str = "a") -> Contract:
    return Contract.model_validate(
        {
            "databases": {"shop": {"reads": [column], "writes": [column]}},
            "domains": {
                column: {
                    "reads": {"values": reads.split()},
                    "writes": {"values": writes.split()},
                }
            },
        }
    )


class Shop:
    """A world whose service has a database, and the database."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url

    @property
    def ledger(self) -> Ledger:
        return self.world.parts.ledger

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as db:
            for one in statements:
                found = db.execute(one.encode())
            return found.fetchall() if found.description else []

    def at(self, revision: str, *changes: str) -> None:
        self.sql(
            "CREATE TABLE IF NOT EXISTS alembic_version (version_num text)",
            "DELETE FROM alembic_version",
            f"INSERT INTO alembic_version VALUES ('{revision}')",
            *changes,
        )

    def push(self, version: str, contract: Contract, revisions: int = 0) -> str:
        folder = self.world.sources / "migrations" / "versions"
        folder.mkdir(parents=True, exist_ok=True)
        for name, down, phase, more, sql in HISTORY[:revisions]:
            text = REVISION.format(name=name, down=down, phase=phase, more=more, sql=sql)
            (folder / f"{name}.py").write_text(text)
        return self.world.push(version, contract)

    def open(self, version: str, **more: Any) -> Conduct:
        return Conduct.open(
            self.world.parts, service=SERVICE, image=version, requested_by="ana", **more
        )

    def promoted(self, version: str, contract: Contract, revisions: int = 0) -> Conduct:
        """A release to the end, by the shortest way: its copy runs and is stable."""
        digest = self.push(version, contract, revisions)
        conduct = self.open(version)
        conduct.verify()
        with self.world.turning():
            conduct.start()
        with self.ledger.begin() as db:
            releases.update_release(db, conduct.release_id, "x", "x", state=ReleaseState.CONFIRMING)
            inventory.set_stable(
                db,
                SERVICE,
                digest=digest,
                version=version,
                image=f"shop/{SERVICE}@{digest}",
                release_id=conduct.release_id,
            )
            releases.end_release(db, conduct.release_id, ReleaseState.PROMOTED, "fine")
        self.world.copies.running = {"c": _copy(digest, conduct.release_id)}
        return conduct

    @contextmanager
    def refused(self, why: str) -> Iterator[None]:
        with self.world.turning(), pytest.raises(Refused, match=why):
            yield

    def events(self, release_id: int) -> dict[str, releases.Event]:
        with self.ledger.begin() as db:
            return {event.kind: event for event in releases.events_of(db, release_id)}


def _copy(digest: str, release_id: int) -> Instance:
    return Instance("c", SERVICE, digest, Role.STABLE, release_id, InstanceState.READY)


@pytest.fixture
def shop(
    ledger: Ledger, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    name = f"shop_{uuid.uuid4().hex[:12]}"
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
    url = plain.rsplit("/", 1)[0] + f"/{name}"
    monkeypatch.setenv("SHOP_URL", url)
    world = make_world(ledger, tmp_path)
    file = world.parts.settings.catalog / f"{SERVICE}.yaml"
    entry = yaml.safe_load(file.read_text())
    entry["databases"] = {"shop": {"url_from": "SHOP_URL", "contract_approval": "automatic"}}
    entry["instances"] = 1
    file.write_text(yaml.safe_dump(entry))
    yield Shop(world, url)
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def run(shop: Shop, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DAVYLAMP_HOME", str(tmp_path))
    monkeypatch.setenv("DAVYLAMP_CATALOG", str(shop.world.parts.settings.catalog))
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", postgres_url)
    monkeypatch.setenv("DAVYLAMP_ACTOR", "ana")

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(make_app(words[0]), list(words))

    return invoke


OLD, NEW = promises("orders.state"), promises("orders.status")


def test_revisions_of_the_image_are_known_before_the_guard_and_the_expand_op_has_its_chance(
    shop: Shop,
) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.push("1.1.0", NEW, revisions=4)
    conduct = shop.open("1.1.0")
    conduct.verify()
    with shop.ledger.begin() as db:
        assert {r.revision: r.phase for r in schema.revisions_of(db, "shop")} == {
            "r1": "expand",
            "r2": "expand",
            "r3": "migrate",
            "r4": "contract",
        }
    assert "shop at r1" in conduct.guard().reason
    with shop.refused("reads orders.status, which shop doesn't have"):
        conduct.start()
    assert conduct.release().state is ReleaseState.ROLLED_BACK


def test_a_candidate_does_not_start_before_its_column_is_full(shop: Shop) -> None:
    shop.at("r3", "CREATE TABLE orders (id bigint, state text, status text)")
    shop.push("1.1.0", NEW, revisions=3)
    conduct = shop.open("1.1.0")
    conduct.verify()
    conduct.guard()
    with shop.refused("davylamp schema backfill run orders.status --database shop"):
        conduct.start()


def test_a_database_that_does_not_answer_refuses_the_release(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", "postgresql://postgres@127.0.0.1:9/none")
    shop.push("1.0.0", OLD)
    with shop.refused("does not answer"):
        shop.open("1.0.0").verify()


def test_the_guard_says_where_one_could_go_back_to_afterwards(shop: Shop) -> None:
    shop.at("r3", "CREATE TABLE orders (id bigint, state text, status text)")
    shop.promoted("1.0.0", promises("orders.state", reads="a"))
    shop.promoted("1.1.0", promises("orders.state"))
    shop.push("1.2.0", promises("orders.state", reads="a b", writes="a b"))
    conduct = shop.open("1.2.0")
    conduct.verify()
    stage = conduct.guard()
    assert "from it one can go back to 1.1.0, not to 1.0.0" in stage.reason
    assert [(b["version"], b["reachable"]) for b in stage.document["back"]] == [
        ("1.1.0", True),
        ("1.0.0", False),
    ]


def test_a_canary_is_taken_back_at_once_and_what_it_left_is_a_critical_event_afterwards(
    shop: Shop,
) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.0.0", OLD)
    shop.sql("INSERT INTO orders VALUES (0, 'before')")
    shop.push("1.1.0", promises("orders.state", reads="a b c"))
    conduct = shop.open("1.1.0")
    conduct.verify()
    conduct.guard()
    with shop.world.turning():
        conduct.start()
        shop.sql("INSERT INTO orders SELECT n, 'c' FROM generate_series(1, 9) n")
        operate.roll_back(shop.ledger, SERVICE, "ana", "it smells")
        conduct.roll_back("it smells")
    assert conduct.release().state is ReleaseState.ROLLED_BACK
    found = shop.events(conduct.release_id)
    order = list(found)
    assert order.index("rollback_by_hand") < order.index(CONTAMINATED) < order.index("rolled_back")
    assert found[CONTAMINATED].data["severity"] == "critical"
    assert found[CONTAMINATED].data["rows"] == 9
    assert "left 9 rows that 1.0.0 can't read: 9 rows of orders.state hold none of 'a', 'b'" in (
        found[CONTAMINATED].message
    )
    with shop.ledger.begin() as db:
        assert [e.kind for e in schema.schema_events(db, "shop")] == [CONTAMINATED]


def contaminated(shop: Shop) -> None:
    """1.0.0 was replaced by a build that writes what it can't read."""
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.0.0", OLD)
    shop.sql("INSERT INTO orders VALUES (0, 'old trouble')")
    shop.promoted("1.1.0", promises("orders.state", reads="a b c"))
    shop.sql("INSERT INTO orders SELECT n, 'c' FROM generate_series(1, 12) n")


def test_going_back_is_refused_with_the_rows_counted_and_the_next_step(
    shop: Shop, run: Any
) -> None:
    contaminated(shop)
    error = run("rollback", SERVICE, "--to", "1.0.0").exception
    assert isinstance(error, Refused)
    assert "12 rows of orders.state hold none of 'a', 'b'" in str(error)
    assert "Roll forward" in str(error)
    with shop.ledger.begin() as db:
        (event,) = schema.schema_events(db, "shop", kind="return_refused")
        assert evidence.open_requests(db) == []
    assert event.data["rows"] == 12


def test_an_operator_overrides_with_a_reason_that_is_kept(shop: Shop, run: Any) -> None:
    contaminated(shop)
    assert "needs --why" in str(run("rollback", SERVICE, "--to", "1.0.0", "--override").exception)
    words = ("--to", "1.0.0", "--override", "--why", "the rows are test data")
    done = run("rollback", SERVICE, *words, "--json")
    assert done.exit_code == 0, done.exception
    with shop.ledger.begin() as db:
        (request,) = evidence.open_requests(db)
        (event,) = schema.schema_events(db, "shop", kind="return_overridden")
    assert request.image.startswith("1.0.0@sha256:")
    assert request.override_reason == "the rows are test data"
    assert "ana overrides (the rows are test data)" in event.message
    conduct = shop.open(request.image, request_id=request.id)
    assert conduct.release().override_reason == "the rows are test data"


def test_an_overridden_release_passes_the_guard_and_says_what_it_passed(shop: Shop) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.0.0", OLD)
    shop.promoted("1.1.0", promises("orders.state", reads="a b c"))
    shop.promoted("1.2.0", promises("orders.state", reads="a b c", writes="c"))
    plain = shop.open("1.0.0")
    plain.verify()
    with shop.refused("which the other can't read"):
        plain.guard()
    conduct = shop.open("1.0.0", override="it is that or nothing")
    conduct.verify()
    assert len(conduct.guard().document["overridden"]) == 1
    assert "it is that or nothing" in shop.events(conduct.release_id)["overridden"].message


def test_a_clean_way_back_asks_for_a_release_of_that_very_digest(shop: Shop, run: Any) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.0.0", OLD)
    shop.promoted("1.1.0", OLD)
    done = run("rollback", SERVICE, "--to", "1.0.0")
    assert done.exit_code == 0, done.exception
    with shop.ledger.begin() as db:
        (request,) = evidence.open_requests(db)
        digest = evidence.digest_of_version(db, SERVICE, "1.0.0")
    assert (request.image, request.override_reason) == (f"1.0.0@{digest}", None)


@pytest.mark.parametrize(
    ("version", "said"),
    [("9.9.9", "those it ran before: 1.0.0"), ("1.1.0", "runs 1.1.0 already")],
)
def test_where_one_cant_go_back_to_is_told(shop: Shop, run: Any, version: str, said: str) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.0.0", OLD)
    shop.promoted("1.1.0", OLD)
    assert said in str(run("rollback", SERVICE, "--to", version).exception)


def test_while_a_release_is_active_going_further_back_waits_for_it(shop: Shop, run: Any) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.0.0", OLD)
    shop.promoted("1.1.0", OLD)
    shop.push("1.2.0", OLD)
    shop.open("1.2.0")
    error = run("rollback", SERVICE, "--to", "1.0.0").exception
    assert "takes that back at once" in str(error)


def test_the_status_shows_past_builds_and_what_is_in_the_way(shop: Shop, run: Any) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.0.0", promises("orders.state", reads="a"))
    shop.promoted("1.1.0", promises("orders.state", reads="a b"))
    shop.promoted("1.2.0", promises("orders.state", reads="a b", writes="a b"))
    document = json.loads(run("status", "--json").stdout)
    (service,) = document["services"]
    assert [(b["version"], b["reachable"]) for b in service["back"]] == [
        ("1.1.0", True),
        ("1.0.0", False),
    ]
    assert "= 'b'" in service["back"][1]["blocks"][0]["why"]
    assert "builds to go back to" in run("status", SERVICE).stdout


def test_the_gate_names_the_old_instance_and_opens_when_it_is_gone(shop: Shop) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text, status text)")
    shop.promoted("1.0.0", OLD, revisions=2)
    old = shop.world.copies.running["c"]
    entry = shop.world.parts.catalog.service(SERVICE).databases["shop"]
    shop.promoted("1.1.0", NEW, revisions=2)
    with shop.ledger.begin() as db:
        drop = schema.KnownRevision(
            "shop",
            "r3",
            "r2",
            "contract",
            "x",
            (
                {
                    "kind": "column",
                    "schema": "public",
                    "name": "state",
                    "table": "orders",
                    "column": "state",
                },
            ),
        )
        schema.note_revisions(db, [drop])
        inventory.mark_stopped(db, [i.id for i in inventory.instances_of(db)], "replaced")
    shop.world.copies.running["old-7"] = Instance(
        "old-7", SERVICE, old.digest, Role.STABLE, 1, InstanceState.READY
    )
    refused = may_contract(shop.world.parts, "shop", entry, "r3")
    assert not refused.allowed
    assert refused.blockers[0].who == "old-7"
    with pytest.raises(Refused, match="old-7"):
        note_point_of_no_return(shop.ledger, "shop", "r3", refused, "davylamp")

    del shop.world.copies.running["old-7"]
    with psycopg.connect(shop.url, application_name=f"{SERVICE}@1.0.0"):
        seen = may_contract(shop.world.parts, "shop", entry, "r3")
        assert [b.kind for b in seen.blockers] == ["client"]
    answer = may_contract(shop.world.parts, "shop", entry, "r3")
    assert answer.allowed, answer.reason
    assert [name.version for name in answer.no_return] == ["1.0.0"]
    note_point_of_no_return(shop.ledger, "shop", "r3", answer, "davylamp")
    with shop.ledger.begin() as db:
        assert contracts.points_of_no_return(db, "shop")[0].builds[0]["version"] == "1.0.0"
    back = shop.open("1.0.0", override="I insist")
    back.verify()
    with shop.refused("took what it needs"):
        back.guard()


def test_by_hand_a_drop_waits_for_its_approval(shop: Shop, run: Any) -> None:
    shop.at("r1", "CREATE TABLE orders (id bigint, state text)")
    shop.promoted("1.1.0", Contract(), revisions=4)
    entry = shop.world.parts.catalog.service(SERVICE).databases["shop"]
    by_hand = entry.model_copy(update={"contract_approval": "by_hand"})
    with shop.ledger.begin() as db:
        inventory.mark_stopped(db, [i.id for i in inventory.instances_of(db)], "replaced")
    waiting = may_contract(shop.world.parts, "shop", by_hand, "r4")
    assert [b.kind for b in waiting.blockers] == ["approval"]
    with shop.ledger.begin() as db:
        contracts.approve_contract(db, "shop", "r4", "ana", "nobody reads it")
    assert may_contract(shop.world.parts, "shop", by_hand, "r4").allowed


def test_a_copy_learns_its_name_and_where_embedded_databases_are(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    service = Service.model_validate(
        {
            "name": SERVICE,
            "owner": "tests",
            "image": {"repository": "shop/checkout"},
            "route": {"hosts": ["checkout.localhost"]},
            "databases": {"shop": {"roles": ["app"]}, "audit": {}, "far": {"url_from": "FAR"}},
        }
    )
    assert environment_of(settings, service, "1.0.0") == {"PGAPPNAME": "checkout@1.0.0"}
    ledger_url = "postgresql+psycopg://postgres@127.0.0.1:5000/davylamp"
    write_addresses(settings.addresses_file, Addresses(ledger_url=ledger_url))
    assert environment_of(settings, service, "1.0.0") == {
        "PGAPPNAME": "checkout@1.0.0",
        "DAVYLAMP_DATABASE_SHOP": "postgresql://app@127.0.0.1:5000/shop",
        "DAVYLAMP_DATABASE_AUDIT": "postgresql://postgres@127.0.0.1:5000/audit",
    }
    by_hand = Settings(home=tmp_path, ledger_url=ledger_url)
    assert environment_of(by_hand, service, "1.0.0") == {"PGAPPNAME": "checkout@1.0.0"}
