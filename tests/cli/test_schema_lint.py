"""`davylamp schema lint`: the document, the screen, the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from davylamp.builds.image import build_image, push_image
from davylamp.builds.keys import PRIVATE_KEY, generate_keys
from davylamp.builds.layout import LayoutRegistry
from davylamp.cli.schema import app
from davylamp.errors import BadInput, DavylampError

FIELDS = {"rule", "phase", "file", "line", "statement", "message", "advice"}
REVISION = """
import sqlalchemy as sa
from alembic import op

print("this must not reach standard output")
revision, down_revision, phase = {name!r}, {down!r}, {phase!r}


def upgrade():
    op.execute({sql!r})
"""


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["lint", *map(str, arguments)])
    if isinstance(result.exception, DavylampError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.stdout


def lint(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    code, out = run(*arguments, "--json")
    return code, json.loads(out)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def alembic(folder: Path, **phases: str) -> Path:
    down = None
    for name, phase in phases.items():
        change = "DROP COLUMN c" if phase == "contract" else f"ADD COLUMN c_{name} text"
        sql = f"ALTER TABLE t {change}"
        text = REVISION.format(name=name, down=down, phase=phase, sql=sql)
        write(folder / "versions" / f"{name}.py", text)
        down = name
    return folder


def test_a_file_has_a_phase_and_findings(tmp_path: Path) -> None:
    file = write(tmp_path / "a.sql", "SELECT 1;\nCREATE INDEX i ON t (a);")
    code, found = lint(file)
    assert (code, found["phase"]) == (1, "refused")
    assert "files" not in found
    assert all(set(one) == FIELDS for one in found["findings"])
    ours = next(one for one in found["findings"] if one["phase"] == "refused")
    assert (ours["rule"], ours["file"], ours["line"]) == ("create-index", str(file), 2)
    assert "CREATE INDEX CONCURRENTLY i ON t (a);" in ours["advice"]


@pytest.mark.parametrize(
    ("sql", "phase"),
    [
        ("ALTER TABLE t ADD COLUMN a int", "expand"),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", "migrate"),
        ("DROP TABLE t", "contract"),
        ("", "none"),
    ],
)
def test_what_is_not_refused_exits_zero(tmp_path: Path, sql: str, phase: str) -> None:
    code, found = lint(write(tmp_path / "a.sql", sql))
    assert (code, found["phase"]) == (0, phase)


def test_sql_that_does_not_parse_is_refused_with_a_finding(tmp_path: Path) -> None:
    code, found = lint(write(tmp_path / "a.sql", "SELECT 1;\nSELCT 2;"))
    assert (code, found["phase"]) == (1, "refused")
    assert [(one["rule"], one["line"]) for one in found["findings"]] == [("unparsable", 2)]


def test_squawk_adds_findings_and_no_phase(tmp_path: Path) -> None:
    file = write(tmp_path / "a.sql", "CREATE TABLE t (at timestamp);")
    code, found = lint(file)
    assert (code, found["phase"]) == (0, "expand")
    theirs = [one for one in found["findings"] if one["rule"].startswith("squawk/")]
    assert [(one["rule"], one["phase"], one["line"]) for one in theirs] == [
        ("squawk/prefer-timestamp-tz", "none", 1)
    ]


def test_a_folder_names_its_files_and_takes_the_furthest_phase(tmp_path: Path) -> None:
    write(tmp_path / "1.sql", "ALTER TABLE t ADD COLUMN a int")
    write(tmp_path / "2.sql", "DROP TABLE t")
    write(tmp_path / "3.sql", "SELECT 1")
    code, found = lint(tmp_path)
    assert (code, found["phase"]) == (0, "contract")
    assert [(Path(one["file"]).name, one["phase"]) for one in found["files"]] == [
        ("1.sql", "expand"),
        ("2.sql", "contract"),
        ("3.sql", "none"),
    ]
    write(tmp_path / "4.sql", "TRUNCATE t")
    assert lint(tmp_path)[1]["phase"] == "refused"


def test_an_alembic_folder_prints_nothing_but_the_document(tmp_path: Path) -> None:
    folder = alembic(tmp_path / "migrations", a="expand", b="contract")
    for path in (folder, folder / "versions"):
        code, found = lint(path)
        assert (code, found["phase"]) == (0, "contract")
        assert [one["phase"] for one in found["files"]] == ["expand", "contract"]


def test_a_history_that_is_no_line_is_bad_input(tmp_path: Path) -> None:
    folder = alembic(tmp_path, a="expand", b="expand")
    (folder / "versions" / "a.py").unlink()
    code, said = run(folder, "--json")
    assert code == 2
    assert "b.py" in said


def test_a_path_that_is_not_there_exits_two(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "davylamp.cli.main",
            "schema",
            "lint",
            str(tmp_path / "x"),
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not exist" in done.stderr


def test_neither_or_both_of_path_and_image_is_bad_input(tmp_path: Path) -> None:
    assert run()[0] == run(tmp_path, "--image", "a:1")[0] == BadInput.exit_code


def test_people_read_the_safe_way(tmp_path: Path) -> None:
    file = write(tmp_path / "a.sql", "ALTER TABLE t RENAME a TO [b]".replace("[b]", '"[red]b"'))
    code, out = run(file)
    assert code == 1
    assert "rename-column" in out
    assert '"[red]b"' in out
    assert "phase: refused, 1 finding refused" in out


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LayoutRegistry:
    """An image with migrations, signed by a key that the settings trust."""
    monkeypatch.setenv("DAVYLAMP_HOME", str(tmp_path / "home"))
    folder = tmp_path / "image"
    write(folder / "davylamp.yaml", "entrypoint: [python3, s.py]\ncontract: {}\n")
    alembic(folder / "migrations", a="expand")
    registry = LayoutRegistry(tmp_path / "registry")
    generate_keys(tmp_path / "home" / "keys")
    key = tmp_path / "home" / "keys" / PRIVATE_KEY
    push_image(registry, "shop/orders", build_image(folder, version="1.0.0"), key)
    write(folder / "more", "")
    push_image(registry, "shop/orders", build_image(folder, version="1.1.0"), None)
    return registry


def test_an_images_migrations_are_linted(image: LayoutRegistry, tmp_path: Path) -> None:
    where = f"oci-layout://{tmp_path}/registry"
    code, found = lint("--image", "shop/orders:1.0.0", "--registry", where)
    assert (code, found["phase"]) == (0, "expand")
    assert found["files"] == [{"file": "/app/migrations/versions/a.py", "phase": "expand"}]


def test_revisions_of_an_image_nobody_signed_are_not_run(
    image: LayoutRegistry, tmp_path: Path
) -> None:
    where = f"oci-layout://{tmp_path}/registry"
    wanted = ("--image", "shop/orders:1.1.0", "--registry", where)
    code, said = run(*wanted)
    assert code == 1
    assert "--unsigned" in said
    assert lint(*wanted, "--unsigned")[0] == 0


@pytest.mark.server
def test_a_trace_says_what_locks_rewrites_and_scans(postgres_url: str, tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.sql",
        "CREATE TABLE fresh (a int, b text);\n"
        "ALTER TABLE fresh ADD COLUMN c float DEFAULT random();\n"
        "CREATE INDEX CONCURRENTLY i ON fresh (a);\n"
        "ALTER TABLE fresh ALTER a SET NOT NULL;\n"
        "DO 'BEGIN END';\nALTER TABLE nowhere ADD a int;\nSELCT",
    )
    text = file.read_text().removesuffix("SELCT")
    code, found = lint(write(tmp_path / "b.sql", text), "--trace", postgres_url)
    made, rewritten, index, scanned, dynamic, missing = found["traces"]
    assert code == 1
    assert (made["locks"], made["rewrites"], made["scans"]) == ([], [], [])
    assert {"relation": "fresh", "mode": "ACCESS EXCLUSIVE"} in rewritten["locks"]
    assert rewritten["rewrites"] == ["fresh"]
    assert "outside of a transaction" in index["note"]
    assert (scanned["scans"], scanned["rewrites"], scanned["line"]) == (["fresh"], [], 4)
    assert dynamic["note"].startswith("not run")
    assert "does not exist" in missing["note"]
    assert "can't be read" in lint(file, "--trace", postgres_url)[1]["traces"][0]["note"]


@pytest.mark.server
def test_a_trace_leaves_the_database_as_it_was(postgres_url: str, tmp_path: Path) -> None:
    import psycopg

    plain = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    lint(write(tmp_path / "a.sql", "CREATE TABLE fresh (a int)"), "--trace", postgres_url)
    with psycopg.connect(plain) as db:
        assert db.execute("SELECT to_regclass('fresh')").fetchone() == (None,)
        left = db.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'davylamp_trace%'")
        assert left.fetchone() == (0,)


@pytest.mark.server
def test_an_unreachable_database_to_trace_on_exits_three(tmp_path: Path) -> None:
    file = write(tmp_path / "a.sql", "SELECT 1")
    assert run(file, "--trace", "postgresql://postgres@127.0.0.1:1/x")[0] == 3


@pytest.mark.server
def test_a_trace_needs_no_database_of_ones_own(tmp_path: Path) -> None:
    file = write(tmp_path / "a.sql", "CREATE TABLE t (a int); ALTER TABLE t ADD UNIQUE (a)")
    code, out = run(file, "--trace-scratch")
    assert code == 0
    assert "seen on a database" in out
    assert "t: ACCESS EXCLUSIVE" in out
