"""Databases of the embedded plane, and where a database is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from davylamp.catalog.databases import Database
from davylamp.errors import BadInput, Unreachable
from davylamp.schema.database import TargetDatabase
from davylamp.schema.embedded import make_embedded
from davylamp.schema.whereabouts import embedded_url, url_of
from davylamp.schema.witness import clients_of
from davylamp.settings import Addresses, Settings, write_addresses


def test_a_url_comes_from_the_variable_the_catalog_names(tmp_path: Path) -> None:
    entry, settings = Database(url_from="SHOP_URL"), Settings(home=tmp_path)
    found = url_of(settings, "shop", entry, {"SHOP_URL": "postgresql+psycopg://a:b@c/d"})
    assert found == "postgresql://a:b@c/d"
    with pytest.raises(BadInput, match="SHOP_URL, which isn't set"):
        url_of(settings, "shop", entry, {})
    with pytest.raises(Unreachable, match="davylamp up"):
        url_of(settings, "shop", Database())


@pytest.fixture
def plane(postgres_server: str, tmp_path: Path) -> Settings:
    """Settings as of a plane whose ledger is on the tests' server."""
    settings = Settings(home=tmp_path)
    ledger = postgres_server.rsplit("/", 1)[0] + "/davylamp"
    write_addresses(settings.addresses_file, Addresses(ledger_url=ledger))
    return settings


@pytest.fixture
def names(postgres_server: str) -> Iterator[tuple[str, str]]:
    name, role = (f"{kind}_{uuid.uuid4().hex[:12]}" for kind in ("shop", "App role"))
    yield name, role
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        db.execute(f'DROP ROLE IF EXISTS "{role}"')


@pytest.mark.server
def test_a_database_is_made_once_with_a_role_that_can_use_what_is_made_in_it(
    plane: Settings, names: tuple[str, str]
) -> None:
    name, role = names
    entry = Database(roles=(role,))
    make_embedded(plane, name, entry)
    with psycopg.connect(embedded_url(plane, name), autocommit=True) as db:
        db.execute("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, state text)")
    with psycopg.connect(embedded_url(plane, name, role), autocommit=True) as app:
        app.execute("INSERT INTO orders (state) VALUES ('open')")
        assert app.execute("SELECT state FROM orders").fetchall() == [("open",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DROP TABLE orders")


@pytest.mark.server
def test_rights_a_quarantine_took_are_not_given_back_by_the_next_release(
    plane: Settings, names: tuple[str, str]
) -> None:
    name, role = names
    entry = Database(roles=(role,))
    make_embedded(plane, name, entry)
    with psycopg.connect(embedded_url(plane, name), autocommit=True) as db:
        db.execute("CREATE TABLE orders (id bigint)")
        db.execute(f'REVOKE SELECT ON orders FROM "{role}"')
    make_embedded(plane, name, entry)
    with (
        psycopg.connect(embedded_url(plane, name, role)) as app,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        app.execute("SELECT id FROM orders")


@pytest.mark.server
def test_everybody_else_who_is_connected_is_seen_by_name_and_role(
    plane: Settings, names: tuple[str, str]
) -> None:
    name, role = names
    make_embedded(plane, name, Database(roles=(role,)))
    target = TargetDatabase(embedded_url(plane, name), name)
    app = embedded_url(plane, name, role)
    with (
        psycopg.connect(app, application_name="orders@1.0.0"),
        psycopg.connect(app, application_name="orders@1.0.0"),
        psycopg.connect(embedded_url(plane, name), application_name=""),
    ):
        found = {(c.name, c.role): c.sessions for c in clients_of(target)}
    assert found[("orders@1.0.0", role)] == 2
    assert found[("", "postgres")] == 1
    assert len(found) == 2


def test_a_database_that_does_not_answer_is_no_sign_of_anybodys_absence() -> None:
    with pytest.raises(Unreachable):
        clients_of(TargetDatabase("postgresql://postgres@127.0.0.1:9/none", "shop"))
