"""A plane to break: its leases run out soon."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.live_plane import LivePlane, live_plane


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Generator[LivePlane]:
    """One for all tests of faults."""
    with live_plane(tmp_path_factory.mktemp("broken")) as found:
        yield found
