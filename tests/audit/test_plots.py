"""The pictures hold what they should, at any size of fleet."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from davylamp.audit.by_service import by_service
from davylamp.audit.frames import fleet_of
from davylamp.audit.inventory import Inventory
from davylamp.audit.plots.heat_map import AGES, Cell, age_class, cells_of, draw_heat_map
from davylamp.audit.plots.over_time import draw_over_time
from davylamp.ledger.audits import Look
from tests.audit.fleets import DAY, HOUR, NOW, digest, healthy

_RED = (224, 49, 49)


def is_drawn(png: bytes, colour: tuple[int, int, int]) -> bool:
    """Somewhere, give or take what a palette loses."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    pixels = {pixel for _, pixel in image.getcolors(1_000_000) or []}
    return any(max(abs(a - b) for a, b in zip(p, colour, strict=True)) < 24 for p in pixels)


@pytest.mark.parametrize(
    ("age", "label"), [(0, 0), (HOUR - 1, 0), (HOUR, 1), (2 * DAY, 2), (400 * DAY, 5)]
)
def test_ages_fall_into_their_class(age: float, label: int) -> None:
    assert AGES[age_class(age)] == AGES[label]


@pytest.mark.parametrize("services", [1, 3, 500])
def test_only_what_is_wrong_is_ringed(services: int) -> None:
    cells = [Cell(f"s{n:03}", n * HOUR if n else math.nan, is_wrong=False) for n in range(services)]
    wrong = [*cells[:-1], Cell("zz", HOUR, is_wrong=True)]
    legend_only, ringed = draw_heat_map(cells), draw_heat_map(wrong)
    assert legend_only != ringed
    assert is_drawn(ringed, _RED)
    assert len(ringed) < 40_000


def test_without_services_there_is_nothing_to_draw() -> None:
    assert draw_heat_map([]) == b""
    assert draw_over_time([]) == b""


def look(minute: float, **counts: int) -> Look:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return Look(at, 0.1, 3, 30, counts, {})


def test_a_short_alarm_among_thousands_of_looks_is_still_drawn() -> None:
    quiet = [look(n) for n in range(5000)]
    alarm = [*quiet[:2501], look(2501, stale_instance=9), *quiet[2502:]]
    assert not is_drawn(draw_over_time(quiet), _RED)
    assert is_drawn(draw_over_time(alarm), _RED)


def test_many_codes_share_the_colours_there_are() -> None:
    names = {f"code_{n}": n + 1 for n in range(15)}
    assert draw_over_time([look(0, **names), look(1, **names)])


def test_a_service_on_two_versions_is_counted_by_version() -> None:
    document = healthy(3)
    document["services"][2]["stable_since"] = NOW - DAY
    extra = document["instances"][-1] | {"id": "old", "digest": digest("s2 old")}
    rows = by_service(
        fleet_of(
            Inventory.model_validate(document | {"instances": [*document["instances"], extra]})
        )
    )
    found = rows.loc["s2"]
    assert sum(found["versions"].values()) == found["seen"] == 4
    assert len(found["versions"]) == 2
    assert [cell.age for cell in cells_of(rows)][2] == DAY
