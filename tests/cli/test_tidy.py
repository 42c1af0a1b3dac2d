"""`davylamp tidy` as it is called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from davylamp.ledger.models import InstanceRow
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server


def call(folder: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("DAVYLAMP_")}
    environment |= {"DAVYLAMP_HOME": str(folder), "DAVYLAMP_LEDGER_URL": url}
    command = [sys.executable, "-m", "davylamp.cli.main", "tidy", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_dry_run_says_what_the_next_one_deletes(
    ledger: Ledger, postgres_url: str, tmp_path: Path
) -> None:
    copy = {"id": "x", "service": "a", "digest": "d", "role": "stable", "state": "stopped"}
    with ledger.begin() as db:
        db.execute(insert(InstanceRow).values(observed_at="2020-01-01T00:00:00Z", **copy))

    tried = call(tmp_path, postgres_url, "--dry-run", "--json")
    done = call(tmp_path, postgres_url, "--json")

    assert (tried.returncode, done.returncode) == (0, 0), tried.stderr + done.stderr
    assert json.loads(tried.stdout) == json.loads(done.stdout) | {"dry_run": True}
    assert json.loads(done.stdout)["rows"]["instances"] == 1
    with ledger.begin() as db:
        assert db.execute(select(func.count()).select_from(InstanceRow)).scalar_one() == 0


def test_a_ledger_that_does_not_answer_is_exit_3(tmp_path: Path) -> None:
    found = call(tmp_path, "postgresql://postgres@127.0.0.1:9/none", "--json")
    assert (found.returncode, found.stdout) == (3, "")
    assert "does not answer" in found.stderr
