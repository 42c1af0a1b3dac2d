"""The schema act, with fewer rows, on a plane of its own: as `davylamp demo --act schema` shows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from davylamp.plane.status import plane_status
from davylamp.settings import load_settings
from tests.live_plane import ROOT

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

ROWS = 30_000
ENTRY = """
name: orders
owner: tests
image: {repository: shop/orders}
route: {hosts: [orders.localhost]}
databases:
  shop: {roles: [orders], migrations: migrations, quarantine_seconds: 2,
         contract_approval: automatic}
release:
  steps:
    - {share: 0.05, seconds: 2, minimum_requests: 5}
    - {share: 0.3, seconds: 10, minimum_requests: 100}
    - {share: 1.0, seconds: 2, minimum_requests: 0}
  patience_seconds: 30
  hold_seconds: 6
  drain_seconds: 2
judge: {rule: fail-ratio, minimum_requests: 100, minimum_ticks: 8}
"""
"""The shop's, with a rule that promotes within seconds."""
PROMOTED = ["promoted", "written", "promoted", "promoted"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("act")
    home, shop = folder / "home", folder / "shop"
    shutil.copytree(ROOT / "examples" / "shop", shop)
    (shop / "catalog" / "orders.yaml").write_text(ENTRY)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DAVYLAMP_")}
    command = [sys.executable, "-m", "davylamp.cli.main", "demo", "--act", "schema", "--json"]
    done = subprocess.run(
        [*command, "--rows", str(ROWS), "--rate", "120", "--home", str(home)],
        env=environment | {"DAVYLAMP_CATALOG": str(shop / "catalog")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not plane_status(load_settings(home=home)).is_up
    return json.loads(done.stdout)


def test_a_column_is_renamed_and_dropped_under_load_and_no_request_fails(
    told: dict[str, Any],
) -> None:
    assert told["act"] == "schema"
    outcomes = [step["outcome"] for step in told["steps"]]
    assert outcomes == [*PROMOTED, "refused", "contracted", "promoted", "refused", "refused"]
    assert told["failed_requests"] == told["turned_away"] == 0
    assert told["wrong"] == []
    under_load = told["steps"][2:]
    assert sum(step["requests"] for step in under_load) > 0.5 * told["requests"] > 0


def test_every_order_is_backfilled_and_both_columns_are_equal(told: dict[str, Any]) -> None:
    # what the dual write had migrated before its batch came is the application's own work
    assert 0.9 * ROWS < told["rows_backfilled"] <= ROWS + told["requests"]
    assert told["rows_differing"] == 0
    assert told["rows_per_second"] > 0


def test_the_drop_is_refused_while_an_old_copy_lives_and_done_once_it_is_gone(
    told: dict[str, Any],
) -> None:
    refused, done = told["contract_refused"], told["contract"]
    assert refused["instance"] == "orders-forgotten"
    assert "orders-forgotten runs orders 1.0.0" in refused["reason"]
    assert any("orders@1.0.0" in blocker for blocker in refused["blockers"])
    assert done["revision"] == "0004_drop_state"
    assert done["builds_ended"] == ["orders 1.0.0"]
    assert "state" not in done["columns_left"]
    assert "status" in done["columns_left"]


def test_going_back_is_refused_with_rows_counted_or_for_good(told: dict[str, Any]) -> None:
    refused = told["rollback_refused"]
    assert refused["to"] == "1.1.0"
    assert refused["rows"] > 0
    assert any("refunded" in sample for sample in refused["samples"])
    assert "Roll forward" in refused["reason"]
    (other,) = told["other_rollbacks_refused"]
    assert other["to"] == "1.0.0"
    assert "no_return" in other["blocks"]
