"""`davylamp rollback`, `promote`, `hold` as they are typed, against a real ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from davylamp.cli.main import make_app
from davylamp.errors import BadInput, Refused
from davylamp.ledger import releases, routes
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server
ENTRY = """\
name: checkout
owner: tests
image: {repository: shop/checkout}
route: {hosts: [checkout.localhost]}
"""
Run = Callable[..., Result]


@pytest.fixture
def run(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    (tmp_path / "checkout.yaml").write_text(ENTRY)
    monkeypatch.setenv("DAVYLAMP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAVYLAMP_CATALOG", str(tmp_path))
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", postgres_url)
    monkeypatch.setenv("DAVYLAMP_ACTOR", "ana")
    return lambda *words: CliRunner().invoke(make_app(), list(words))


def begin(ledger: Ledger, service: str) -> int:
    with ledger.begin() as db:
        release = releases.open_release(
            db, service=service, image="1", plan={}, entry={}, seed=1, requested_by="ana"
        )
        routes.take_route(db, service, release.id, 1, 15)
    return release.id


@pytest.mark.parametrize("command", ["rollback", "promote", "hold"])
def test_an_unknown_service_is_bad_input_that_lists_those_there_are(
    ledger: Ledger, run: Run, command: str
) -> None:
    error = run(command, "nope").exception
    assert isinstance(error, BadInput)
    assert "no service 'nope'; it has: checkout" in str(error)


@pytest.mark.parametrize("command", ["rollback", "promote", "hold"])
def test_a_service_without_a_release_is_refused(ledger: Ledger, run: Run, command: str) -> None:
    error = run(command, "checkout").exception
    assert isinstance(error, Refused)
    assert "no active release" in str(error)


@pytest.mark.parametrize("catalog", [None, "{broken"])
def test_a_release_of_a_service_that_left_the_catalog_can_be_taken_back(
    ledger: Ledger, run: Run, tmp_path: Path, catalog: str | None
) -> None:
    begin(ledger, "former")
    if catalog:
        (tmp_path / "checkout.yaml").write_text(catalog)
    done = run("rollback", "former", "--why", "it smells")
    assert done.exit_code == 0, done.exception
    with ledger.begin() as db:
        assert "it smells" in routes.read_route(db, "former").reason
