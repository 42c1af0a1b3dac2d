"""The catalog a sensor goes by: kept while nothing changes, never older than its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.catalog.model import Catalog
from davylamp.errors import BadInput
from davylamp.rollout.engine import Engine
from davylamp.settings import Settings
from sensors.kept_catalog import catalog_of


class FolderEngine(Engine):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.readings = 0

    def settings(self) -> Settings:
        return Settings(catalog=self.folder)

    def catalog(self) -> Catalog:
        self.readings += 1
        return super().catalog()


@pytest.fixture
def engine(tmp_path: Path) -> FolderEngine:
    found = FolderEngine(tmp_path)
    write(found, "cart")
    return found


def write(engine: FolderEngine, name: str, owner: str = "somebody") -> None:
    text = (
        f"name: {name}\nowner: {owner}\nimage: {{repository: shop/{name}}}\n"
        f"route: {{hosts: [{name}.localhost]}}\n"
    )
    (engine.folder / f"{name}.yaml").write_text(text)


def test_an_unchanged_catalog_is_read_once(engine: FolderEngine) -> None:
    assert catalog_of(engine) is catalog_of(engine)
    assert engine.readings == 1


def test_a_file_that_is_added_changed_or_removed_is_seen_at_once(engine: FolderEngine) -> None:
    catalog_of(engine)
    write(engine, "checkout")
    assert set(catalog_of(engine).services) == {"cart", "checkout"}
    write(engine, "cart", "somebodi")  # of the same length
    assert catalog_of(engine).services["cart"].owner == "somebodi"
    (engine.folder / "checkout.yaml").unlink()
    assert set(catalog_of(engine).services) == {"cart"}


def test_a_broken_catalog_is_not_kept(engine: FolderEngine) -> None:
    write(engine, "cart", "[")
    for _ in range(2):
        with pytest.raises(BadInput):
            catalog_of(engine)
    write(engine, "cart")
    assert set(catalog_of(engine).services) == {"cart"}


def test_each_engine_has_its_own(engine: FolderEngine, tmp_path: Path) -> None:
    other = FolderEngine(tmp_path / "other")
    other.folder.mkdir()
    write(other, "orders")
    assert set(catalog_of(engine).services) == {"cart"}
    assert set(catalog_of(other).services) == {"orders"}
