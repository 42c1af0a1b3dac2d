"""What the fleet's releases say together, as assets: real ledger, real materializations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.blast_radius_forecast import blast_radius_forecast
from assets.fleet_report import fleet_report
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.settings import Settings
from tests.report.past import promoted, rolled_back

pytestmark = pytest.mark.server


def materialized(asset: dg.AssetsDefinition, ledger: Ledger, home: Path) -> dict[str, Any]:
    class OwnEngine(Engine):
        def settings(self) -> Settings:
            return Settings(home=home)

        @contextmanager
        def ledger(self) -> Iterator[Ledger]:
            yield ledger

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([asset], instance=instance, resources={"engine": OwnEngine()})
        (event,) = done.asset_materializations_for_node(asset.key.path[-1])
    return dict(event.metadata)


def test_the_fleets_report_has_outcomes_dora_and_its_page(ledger: Ledger, tmp_path: Path) -> None:
    promoted(ledger, "1.0.0")
    rolled_back(ledger, "1.1.0")
    promoted(ledger, "2.0.0", "orders")
    found = materialized(fleet_report, ledger, tmp_path)
    assert (found["promoted"].value, found["rolled back"].value) == (2, 1)
    assert (found["services"].value, found["open findings"].value) == (2, 0)
    assert found["deployments"].value == 3
    assert Path(found["page"].value).read_text(encoding="utf-8").startswith("<!doctype html>")
    rows = [dict(one.data) for one in found["services with the most deployments"].records]
    assert [(one["service"], one["failed"]) for one in rows] == [
        ("checkout", "50 %"),
        ("orders", "0 %"),
    ]
    assert "data:image/png;base64," in found["releases a day"].value


def test_the_forecast_stands_on_the_fleets_own_releases(ledger: Ledger, tmp_path: Path) -> None:
    for n in range(9):
        promoted(ledger, f"1.{n}.0")
    rolled_back(ledger, "2.0.0")
    found = materialized(blast_radius_forecast, ledger, tmp_path)
    assert (found["deploys"].value, found["bad deploys"].value, found["caught"].value) == (10, 1, 1)
    assert found["bad a year"].value == pytest.approx(365, rel=0.01)
    assert found["requests harmed"].value == 63
    rows = {one.data["figure"]: one.data for one in found["figures"].records}
    assert rows["bad"]["as assumed"] == "0.100%"
    assert rows["bad"]["the fleet's own"] == "10.000% (1 of 10)"
    assert len(found["levers"].records) == 5
    assert "data:image/png;base64," in found["forecast"].value


def test_an_empty_ledger_makes_a_report_and_a_forecast_of_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    assert materialized(fleet_report, ledger, tmp_path)["services"].value == 0
    assert materialized(blast_radius_forecast, ledger, tmp_path)["deploys"].value == 0


def test_a_ledger_that_is_gone_fails_the_run_with_the_reason(tmp_path: Path) -> None:
    gone = Ledger.connect("postgresql://postgres@127.0.0.1:9/none")
    with pytest.raises(dg.Failure, match="does not answer"):
        materialized(fleet_report, gone, tmp_path)
