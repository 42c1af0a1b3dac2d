from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from davylamp.plane.leftovers import MARKER
from davylamp.plane.processes import environment_names, snapshot
from davylamp.settings import read_addresses

pytestmark = [pytest.mark.server, pytest.mark.slow]

INSTANCE = """
storage:
  postgres:
    postgres_url: {env: DAVYLAMP_DAGSTER_STORAGE_URL}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
telemetry: {enabled: false}
"""
DEFINITIONS = """
import time, pathlib
import dagster as dg

HERE = pathlib.Path(__file__).parent

@dg.op
def wait_and_go_back():
    (HERE / "begun").write_text("")
    try:
        time.sleep(120)
    except BaseException:
        (HERE / "gone_back").write_text("")
        raise

@dg.job(executor_def=dg.in_process_executor)
def release():
    wait_and_go_back()

defs = dg.Definitions(jobs=[release])
"""
LAUNCH = """
mutation { launchRun(executionParams: {selector: {
  repositoryLocationName: "davylamp", repositoryName: "__repository__", jobName: "release"
}}) { __typename } }
"""


def wait_for(holds: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def marked(home: Path) -> list[int]:
    marker = os.fsencode(f"{MARKER}={home}")
    processes = snapshot().values()
    return [p.pid for p in processes if not p.is_zombie and environment_names(p.pid, marker)]


def test_a_run_goes_back_before_the_plane_goes_down_and_nothing_is_left(
    plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / "release_defs").mkdir(parents=True)
    (project / "release_defs" / "__init__.py").write_text("")
    (project / "release_defs" / "definitions.py").write_text(DEFINITIONS)
    (project / "dagster.yaml").write_text(dedent(INSTANCE))
    monkeypatch.chdir(project)

    status = plane.up("postgres", "dagster-code", "dagster-webserver", seconds=120).status
    assert all(part.state == "ready" for part in status.parts)
    url = read_addresses(plane.settings.addresses_file).dagster_url
    answer = httpx.post(f"{url}/graphql", json={"query": LAUNCH}, timeout=30).json()
    assert answer["data"]["launchRun"]["__typename"] == "LaunchRunSuccess"
    wait_for((project / "release_defs" / "begun").exists)

    plane.down()
    assert (project / "release_defs" / "gone_back").exists()
    assert marked(plane.home.folder) == []
