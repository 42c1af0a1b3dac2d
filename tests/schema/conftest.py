"""A service's database: empty, of this test's own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from davylamp.schema.database import TargetDatabase


@pytest.fixture
def target(postgres_server: str) -> Iterator[TargetDatabase]:
    name = f"target_{uuid.uuid4().hex[:12]}"
    maintenance = TargetDatabase(postgres_server)
    with psycopg.connect(maintenance.conninfo, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
    yield TargetDatabase(postgres_server.rsplit("/", 1)[0] + f"/{name}", "shop")
    with psycopg.connect(maintenance.conninfo, autocommit=True) as db:
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
