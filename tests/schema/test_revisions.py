"""Alembic folders, read without a database and without env.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.errors import BadInput
from davylamp.schema.phases import Phase
from davylamp.schema.revision import DualWrite
from davylamp.schema.revisions import load_revisions
from davylamp.schema.statements import split


def revision(
    folder: Path,
    name: str,
    down: str | None,
    body: str = "pass",
    phase: str = '"expand"',
    more: str = "",
) -> Path:
    """Write a revision; `body` is that of upgrade()."""
    file = folder / "versions" / f"{name}.py"
    file.parent.mkdir(exist_ok=True)
    lines = "\n    ".join(body.splitlines())
    file.write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = {name!r}\ndown_revision = {down!r}\nphase = {phase}\n{more}\n\n\n"
        f"def upgrade() -> None:\n    {lines}\n"
    )
    return file


def test_a_history_is_read_first_to_last(tmp_path: Path) -> None:
    revision(tmp_path, "b", "a", 'op.drop_column("orders", "state")', '"contract"')
    first = revision(tmp_path, "a", None, 'op.execute("SELECT 1")')
    found = load_revisions(tmp_path)
    assert [(one.id, one.down, one.phase) for one in found] == [
        ("a", None, Phase.EXPAND),
        ("b", "a", Phase.CONTRACT),
    ]
    assert found[0].file == first
    assert found[1].sql.strip() == "ALTER TABLE orders DROP COLUMN state;"


def test_a_files_hash_follows_its_bytes(tmp_path: Path) -> None:
    file = revision(tmp_path, "a", None)
    before = load_revisions(tmp_path)[0].sha256
    file.write_text(file.read_text() + "# another\n")
    assert load_revisions(tmp_path)[0].sha256 != before


def test_an_autocommit_block_leaves_no_transaction_behind(tmp_path: Path) -> None:
    body = (
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("i", "orders", ["a"], postgresql_concurrently=True)'
    )
    revision(tmp_path, "a", None, body)
    (one,) = load_revisions(tmp_path)
    assert [found.sql for found in split(one.sql)] == ["CREATE INDEX CONCURRENTLY i ON orders (a)"]


def test_percent_signs_and_colons_stay_as_they_are(tmp_path: Path) -> None:
    revision(tmp_path, "a", None, """op.execute("SELECT 'a%', '{\\"b\\": 1}'::jsonb")""")
    (one,) = load_revisions(tmp_path)
    assert split(one.sql)[0].sql == """SELECT 'a%', '{"b": 1}'::jsonb"""


def test_each_line_of_sql_knows_the_line_that_wrote_it(tmp_path: Path) -> None:
    file = revision(tmp_path, "a", None, 'op.execute("SELECT 1")\n\nop.execute("SELECT 2")')
    (one,) = load_revisions(tmp_path)
    written = file.read_text().splitlines()
    for found in split(one.sql):
        assert found.sql in written[one.lines[found.line - 1] - 1]


def test_dual_write_is_read(tmp_path: Path) -> None:
    more = 'dual_write = {"table": "orders", "old": "state", "new": "status"}'
    revision(tmp_path, "a", None, phase='"migrate"', more=more)
    assert load_revisions(tmp_path)[0].dual_write == DualWrite("orders", "state", "status")


def test_a_revision_without_a_phase_declares_none(tmp_path: Path) -> None:
    revision(tmp_path, "a", None, phase="None")
    assert load_revisions(tmp_path)[0].phase is Phase.NONE


def test_nothing_is_left_beside_the_files_or_in_memory(tmp_path: Path) -> None:
    import sys

    revision(tmp_path, "a", None)
    before = set(sys.modules)
    load_revisions(tmp_path)
    assert {name for name in set(sys.modules) - before if "revision_" in name} == set()
    assert [one.name for one in (tmp_path / "versions").iterdir()] == ["a.py"]


BROKEN = {
    "does not import (SyntaxError": "def",
    "does not import (ModuleNotFoundError": "import nothing_of_that_name",
    "does not import (SystemExit": "raise SystemExit(3)",
    "has no upgrade()": "upgrade = None",
    "revision is None": "revision = None",
    "phase is 'expnad'; it must be one of": 'phase = "expnad"',
    "phase is ['expand']": 'phase = ["expand"]',
    "phase is 'none'": 'phase = "none"',
    "dual_write is no dictionary": 'phase = "migrate"\ndual_write = "orders"',
    "dual_write lacks old, new": 'phase = "migrate"\ndual_write = {"table": "orders"}',
    "dual_write has source, unknown": (
        'phase = "migrate"\ndual_write = {"table": "t", "old": "a", "new": "b", "source": "x"}'
    ),
    "dual_write has new with no text": (
        'phase = "migrate"\ndual_write = {"table": "t", "old": "a", "new": 1}'
    ),
    "dual_write has a as old and new": (
        'phase = "migrate"\ndual_write = {"table": "t", "old": "a", "new": "a"}'
    ),
    "dual_write has a forward without {old}": (
        'phase = "migrate"\ndual_write = {"table": "t", "old": "a", "new": "b", "forward": "now()"}'
    ),
    'dual_write stands in a revision with phase "expand"': (
        'dual_write = {"table": "t", "old": "a", "new": "b"}'
    ),
    "down_revision names several": 'down_revision = ("x", "y")',
    "down_revision is 7": "down_revision = 7",
    "depends_on b, which does not come before": 'depends_on = "b"',
    "depends_on is 7": "depends_on = 7",
    "upgrade() cannot be written as SQL without a database": (
        "def upgrade():\n    op.get_bind().execute(sa.text('SELECT 1')).scalar()"
    ),
}


@pytest.mark.parametrize("says", BROKEN)
def test_a_broken_file_is_named_with_what_to_do(tmp_path: Path, says: str) -> None:
    file = revision(tmp_path, "a", None)
    file.write_text(file.read_text() + BROKEN[says] + "\n")
    with pytest.raises(BadInput) as caught:
        load_revisions(tmp_path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("says", "downs"),
    [
        ("two heads", {"a": None, "b": "a", "c": "a"}),
        ("two heads", {"a": None, "b": None}),
        ("circle", {"a": None, "b": "c", "c": "b"}),
        ("circle", {"a": "a"}),
        ("is not there", {"a": None, "b": "z"}),
    ],
)
def test_what_is_no_line_is_refused(
    tmp_path: Path, says: str, downs: dict[str, str | None]
) -> None:
    for name, down in downs.items():
        revision(tmp_path, name, down)
    with pytest.raises(BadInput, match=says) as caught:
        load_revisions(tmp_path)
    assert str(tmp_path / "versions") in str(caught.value)


def test_two_files_with_one_id_are_both_named(tmp_path: Path) -> None:
    first = revision(tmp_path, "a", None)
    second = first.with_name("b.py")
    second.write_text(first.read_text())
    with pytest.raises(BadInput, match=r"also that of .*a\.py"):
        load_revisions(tmp_path)


def test_a_folder_without_versions_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give an Alembic folder"):
        load_revisions(tmp_path)
