"""`davylamp audit`: one document, exit codes, and a table for people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from davylamp.cli.audit import audit
from davylamp.errors import BadInput
from tests.audit.fleets import digest, healthy

app = typer.Typer()
app.command()(audit)


def written(folder: Path, **first: Any) -> Path:
    document = healthy(3)
    document["instances"][-1].update(first)
    file = folder / "fleet.json"
    file.write_text(json.dumps(document))
    return file


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def test_a_healthy_fleet_ends_with_0(tmp_path: Path) -> None:
    done = ask("--inventory", str(written(tmp_path)), "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["findings"] == []
    assert found["seen_instances"] == 11


def test_a_critical_finding_ends_with_1_and_names_the_instance(tmp_path: Path) -> None:
    done = ask("--inventory", str(written(tmp_path, digest=digest("s2 old"))), "--json")
    assert done.exit_code == 1
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["code"] == "stale_instance"
    assert (finding["severity"], finding["service"]) == ("critical", "s2")
    assert finding["instance"] == "s2-2"
    assert finding["next"]


def test_a_warning_alone_ends_with_0(tmp_path: Path) -> None:
    done = ask("--inventory", str(written(tmp_path, flags_revision=1)), "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["findings"][0]["severity"] == "warning"


def test_people_get_a_table_with_what_to_do(tmp_path: Path) -> None:
    done = ask("--inventory", str(written(tmp_path, digest=digest("s2 old"))))
    assert done.exit_code == 1
    assert "stale_instance" in done.stdout
    assert "drain s2-2" in done.stdout
    assert "1 critical, 0 warnings; 11 instances seen" in done.stdout


def test_only_one_service(tmp_path: Path) -> None:
    file = str(written(tmp_path, digest=digest("s2 old")))
    assert ask("--inventory", file, "--service", "s1", "--json").exit_code == 0
    assert ask("--inventory", file, "--service", "s2", "--json").exit_code == 1
    with pytest.raises(BadInput, match="nobody"):
        CliRunner().invoke(
            app, ["--inventory", file, "--service", "nobody"], catch_exceptions=False
        )


def test_a_waiver_takes_the_exit_code_back(tmp_path: Path) -> None:
    file = written(tmp_path, digest=digest("s2 old"))
    waivers = tmp_path / "waivers.yaml"
    waivers.write_text(
        "waivers:\n- {code: stale_instance, service: s2, owner: ana, reason: x, "
        "expires: 2099-01-01}\n"
    )
    done = ask("--inventory", str(file), "--waivers", str(waivers), "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [w["state"] for w in found["waivers"]] == ["active"]
    assert [f["instance"] for f in found["waived"]] == ["s2-2"]
    assert "waivers" in ask("--inventory", str(file), "--waivers", str(waivers)).stdout


@pytest.mark.parametrize("content", [None, "{", '{"now": 1}'])
def test_a_bad_file_ends_with_2_and_says_where(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "fleet.json"
    if content is not None:
        file.write_text(content)
    argv = [sys.executable, "-m", "davylamp.cli.main", "audit", "--inventory", str(file), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert str(file) in done.stderr
