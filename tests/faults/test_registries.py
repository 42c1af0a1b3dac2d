"""A service whose images lie in a registry of its own, and what happens when that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from davylamp.errors import Refused
from davylamp.rollout.conduct import Conduct
from davylamp.rollout.drive import drive
from davylamp.rollout.parts import Parts, open_parts
from davylamp.settings import Settings
from tests.live_plane import CATALOG, LEASE_SECONDS, LivePlane

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]
SERVICE = "abroad"


@pytest.fixture
def registry(plane: LivePlane) -> Path:
    return plane.home.parent / "own-registry"


@pytest.fixture
def parts(plane: LivePlane, registry: Path) -> Iterator[Parts]:
    """The plane's parts in the test's own process, to act between two stages."""
    entry = CATALOG.format(name=SERVICE).replace(
        f"{{repository: shop/{SERVICE}}}",
        f"{{repository: shop/{SERVICE}, registry: 'oci-layout://{registry}'}}",
    )
    catalog = Path(plane.environment["DAVYLAMP_CATALOG"])
    (catalog / f"{SERVICE}.yaml").write_text(entry)
    found = open_parts(
        Settings(
            home=plane.home,
            catalog=catalog,
            lease_seconds=LEASE_SECONDS,
            renew_seconds=1,
            ttl_seconds=2,
        )
    )
    yield found
    found.close()


def test_images_come_from_the_registry_of_their_service_until_it_vanishes_before_they_are_unpacked(
    plane: LivePlane, parts: Parts, registry: Path
) -> None:
    place = ("--registry", f"oci-layout://{registry}")
    first, second = plane.push(SERVICE, more=place), plane.push(SERVICE, more=place)
    done = drive(Conduct.open(parts, service=SERVICE, image=first, requested_by="tests"))
    assert done.state == "promoted", done.reason
    assert plane.versions_served(SERVICE) == {first}

    conduct = Conduct.open(parts, service=SERVICE, image=second, requested_by="tests")
    conduct.verify()
    conduct.guard()
    registry.rename(registry.with_name("moved-away"))
    with pytest.raises(Refused, match="could not be unpacked"):
        conduct.start()
    done = conduct.release()
    assert (done.state, "own-registry" in done.reason) == ("rolled_back", True), done.reason
    assert plane.versions_served(SERVICE) == {first}
    assert plane.processes_of(done.id) == []
