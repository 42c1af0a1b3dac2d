"""A registry in a folder with real images, and a catalog of services that live in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from davylamp.builds.contract import Contract
from davylamp.builds.image import build_image, push_image
from davylamp.builds.keys import generate_keys
from davylamp.builds.layout import LayoutRegistry
from davylamp.catalog.model import Catalog, Image, Route, Service


@dataclass(frozen=True)
class Shelf:
    """A layout registry that tests push images to."""

    folder: Path
    sources: Path
    key: Path

    @property
    def url(self) -> str:
        return f"oci-layout://{self.folder}"

    def push(self, service: str, version: str, content: str = "", *, move: bool = False) -> str:
        """Build and push a signed image of a service; returns its digest."""
        source = self.sources / service
        source.mkdir(parents=True, exist_ok=True)
        (source / "server.py").write_text(f"# {service} {version} {content}\n")
        built = build_image(
            source, version=version, contract=Contract(), entrypoint=["python3", "server.py"]
        )
        registry = LayoutRegistry(self.folder)
        return push_image(registry, f"shop/{service}", built, self.key, move_tag=move).digest


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    private, _ = generate_keys(tmp_path / "keys")
    return Shelf(tmp_path / "registry", tmp_path / "sources", private)


def _service(name: str, given: Mapping[str, object]) -> Service:
    values = {
        "name": name,
        "owner": "tests",
        "image": Image(repository=f"shop/{name}"),
        "route": Route(hosts=(f"{name}.localhost",)),
    }
    return Service.model_validate(values | dict(given))


@pytest.fixture
def make_catalog() -> Callable[..., Catalog]:
    """A catalog of services by name; what one of them has of its own is given by keyword."""

    def make(*names: str, **given: Mapping[str, object]) -> Catalog:
        return Catalog(services={name: _service(name, given.get(name, {})) for name in names})

    return make
