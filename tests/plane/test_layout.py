from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.plane.home import Home
from davylamp.plane.layout import Site, addresses_to_write, lay_out
from davylamp.plane.ports import Ports
from davylamp.settings import load_settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.make()
    return found


def site(home: Home, **settings: str) -> Site:
    return Site(load_settings(home=home.folder, **settings), home, Ports(), home.folder)


def test_a_database_set_by_hand_is_not_run_and_its_password_is_shown_and_written_nowhere(
    home: Home,
) -> None:
    given = site(
        home,
        ledger_url="postgresql://me:secret@db/ledger",
        dagster_storage_url="postgresql+psycopg2://me:secret@db/dagster",
    )
    layout = lay_out(given, ("postgres",))
    assert layout.components == ()
    assert layout.elsewhere[0].address == "postgresql://me:***@db/ledger"
    assert "secret" not in str(addresses_to_write(given))


def test_without_a_registry_program_a_folder_stands_in_and_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home.folder))
    here = site(home)
    part = lay_out(here, ("registry",)).elsewhere[0]
    assert part.address == f"oci-layout://{home.registry}"
    assert "a folder: no `docker-registry` on PATH" in part.why
    assert addresses_to_write(here).registry_url == part.address
    assert home.registry.is_dir()


def test_a_part_not_named_is_not_laid_out(home: Home) -> None:
    layout = lay_out(site(home), ("controller",))
    assert [part.name for part in layout.components] == ["controller"]
    assert layout.components[0].env["DAVYLAMP_HOME"] == str(home.folder)
    assert layout.components[0].env["DAVYLAMP_RTDS_PORT"] == str(Ports().rtds)
