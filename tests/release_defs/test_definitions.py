"""What Dagster is told loads by itself, soon, and is whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterInstance, RunConfig, validate_run_config

from release_defs.definitions import defs
from release_defs.launcher import ZygoteRunLauncher
from release_defs.ops.begin import ReleaseConfig

ROOT = Path(__file__).parents[2]


def test_definitions_load_with_nothing_running_and_without_heavy_imports(tmp_path: Path) -> None:
    heavy = ("pandas", "scipy", "matplotlib", "numpy", "sqlalchemy")
    code = (
        "import sys; from release_defs.definitions import defs; defs.get_repository_def();"
        f"print([name for name in {heavy} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_dagster_itself_finds_the_definitions_valid(tmp_path: Path) -> None:
    dagster = Path(sys.executable).with_name("dagster")

    done = subprocess.run(
        [str(dagster), "definitions", "validate", "-w", str(ROOT / "workspace.yaml")],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_graph_has_the_branches_of_a_release() -> None:
    graph = defs.resolve_job_def("release_canary").graph
    into = {
        name: {
            output.node_name
            for handle, outputs in graph.dependency_structure.input_to_upstream_outputs_for_node(
                name
            ).items()
            for output in outputs
        }
        for name in graph.node_dict
    }

    assert into["promote_release"] == {"shift_traffic", "hold_release"}
    assert into["roll_back_release"] == {"shift_traffic", "hold_release", "promote_release"}
    assert into["confirm_release"] == {"promote_release"}
    assert into["release_rejected"] == {"roll_back_release"}


def test_release_can_be_asked_for_with_two_words() -> None:
    job = defs.resolve_job_def("release_canary")

    assert validate_run_config(job, {"service": "checkout", "image": "1.2.0"})


@pytest.mark.parametrize("config", [{}, {"service": "checkout"}, {"service": "a", "image": 1}])
def test_configuration_that_is_wrong_is_refused_before_a_run_exists(
    config: dict[str, object],
) -> None:
    with pytest.raises(Exception, match=r"image|service"):
        validate_run_config(defs.resolve_job_def("release_canary"), config)


def test_every_sensor_is_on_from_the_beginning() -> None:
    assert {s.default_status.value for s in defs.get_repository_def().sensor_defs} == {"RUNNING"}


def test_configuration_has_a_default_for_who_asks() -> None:
    config = ReleaseConfig(service="checkout", image="1.2.0")

    assert config.requested_by == "Dagster UI"
    assert RunConfig(ops={"verify_build": config}).to_config_dict()


@pytest.mark.server
def test_instance_file_is_understood_by_dagster(instance: DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, ZygoteRunLauncher)
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_resume_run_attempts == 0
    assert not instance.telemetry_enabled
    limits = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits
    assert limits[0]["key"] == "davylamp/service"
    assert limits[0]["limit"] == 1
