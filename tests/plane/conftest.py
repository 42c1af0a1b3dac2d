"""A plane of one's own, taken down at the end of the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from davylamp.plane.control import Wanted, WentDown, WentUp, bring_up, take_down
from davylamp.plane.home import Home
from davylamp.plane.status import PlaneStatus, plane_status
from davylamp.settings import Settings, load_settings


@dataclass
class Plane:
    settings: Settings

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    def up(self, *parts: str, seconds: float = 60.0) -> WentUp:
        wanted = Wanted(parts, any_port=True, fast=True)
        return bring_up(self.settings, wanted, lambda _: None, seconds=seconds)

    def down(self) -> WentDown:
        return take_down(self.settings)

    def status(self) -> PlaneStatus:
        return plane_status(self.settings)


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plane]:
    for name in list(os.environ):
        if name.startswith("DAVYLAMP_"):
            monkeypatch.delenv(name)
    found = Plane(load_settings(home=tmp_path / "home"))
    yield found
    found.down()
